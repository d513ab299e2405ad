#!/usr/bin/env node
// usage: scripts/players/play.mjs FOLDER hls|shaka
//
// Plays FOLDER/master.m3u8 in headless Chromium with hls.js or Shaka Player, from a server of its own on a free port
// of the loopback: from the start, after seeks, after a switch to the lowest and to the highest rung, and to the end.
// Prints one JSON line with what happened. Exit 1 when anything went wrong, 69 when a tool is missing.
import { createReadStream, mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chromium, fail, file, load } from './tools.mjs';

const LIMIT_MS = 120_000;
const LIBRARIES = {
  hls: ['hls.js', 'dist/hls.min.js'],
  shaka: ['shaka-player', 'dist/shaka-player.compiled.js'],
};
const TYPES = {
  '.m3u8': 'application/vnd.apple.mpegurl', '.ts': 'video/mp2t', '.m4s': 'video/iso.segment', '.mp4': 'video/mp4',
  '.js': 'text/javascript',
};
const PAGE = '<!doctype html><meta charset=utf-8><video width=640 height=360 muted></video><script src=/player.js></script>';

const [folder, player] = process.argv.slice(2);
if (!folder || !LIBRARIES[player]) fail(64, 'usage: scripts/players/play.mjs FOLDER hls|shaka');
const library = file(...LIBRARIES[player]);
const playwright = load('playwright-core');
const executablePath = chromium();

const result = { player, ok: false, errors: [] };
const server = createServer(answer);
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const profile = mkdtempSync(path.join(tmpdir(), 'aqueduct-player-'));
let browser;
try {
  browser = await playwright.chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--disable-extensions', '--mute-audio',
      '--autoplay-policy=no-user-gesture-required',
    ],
  });
  const page = await browser.newPage();
  page.on('pageerror', (error) => result.errors.push(`page: ${error}`));
  page.on('console', (message) => message.type() === 'error' && result.errors.push(`console: ${message.text()}`));
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  const watched = await within(LIMIT_MS, page.evaluate(watch, player));
  Object.assign(result, watched, { errors: [...result.errors, ...watched.errors] });
} catch (error) {
  result.errors.push(String(error).slice(0, 500));
} finally {
  // Ends the browser's processes too.
  await browser?.close().catch(() => {});
  server.closeAllConnections();
  server.close();
  rmSync(profile, { recursive: true, force: true });
}
result.ok = result.errors.length === 0;
console.log(JSON.stringify(result));
process.exit(result.ok ? 0 : 1);

/** The page, the player, or a file of the presentation. */
function answer(request, response) {
  const wanted = path.normalize(decodeURIComponent(new URL(request.url, 'http://localhost').pathname));
  if (wanted === '/') return response.setHeader('Content-Type', 'text/html').end(PAGE);
  if (wanted === '/favicon.ico') return response.writeHead(204).end();
  const name = wanted === '/player.js' ? library : path.join(folder, wanted);
  const size = statSync(name, { throwIfNoEntry: false })?.size;
  if (size === undefined) {
    result.errors.push(`asked for ${wanted}, which is not there`);
    return response.writeHead(404).end();
  }
  const type = TYPES[path.extname(name)] ?? 'application/octet-stream';
  const headers = { 'Content-Type': type, 'Cache-Control': 'no-store', 'Accept-Ranges': 'bytes' };
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  if (!range) {
    response.writeHead(200, { ...headers, 'Content-Length': size });
    return createReadStream(name).pipe(response);
  }
  const [start, end] = [Number(range[1]), range[2] ? Number(range[2]) : size - 1];
  if (start > end || end >= size) {
    result.errors.push(`asked for the bytes ${start}-${end} of ${wanted}, which has ${size}`);
    return response.writeHead(416, { 'Content-Range': `bytes */${size}` }).end();
  }
  headers['Content-Range'] = `bytes ${start}-${end}/${size}`;
  response.writeHead(206, { ...headers, 'Content-Length': end - start + 1 });
  createReadStream(name, { start, end }).pipe(response);
}

function within(ms, promise) {
  let timer;
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`not done after ${ms} ms`)), ms); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Runs inside the page. */
async function watch(player) {
  const PATIENCE_MS = 15_000;
  const video = document.querySelector('video');
  const seen = { version: '', errors: [], warnings: [], seeks: [], switches: [], stalls: [], rungs: [] };
  const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
  const broken = () => seen.errors.length > 0;
  /** Waits for `what`; false, and an error, when it does not come. */
  const until = async (text, what) => {
    const end = performance.now() + PATIENCE_MS;
    while (!what()) {
      if (broken()) return false;
      if (performance.now() > end) {
        seen.errors.push(`${text}: not after ${PATIENCE_MS} ms, at ${video.currentTime} s, buffered ${ranges(video.buffered)}`);
        return false;
      }
      await sleep(20);
    }
    return true;
  };
  const ranges = (list) => Array.from(list, (_, at) => `${list.start(at).toFixed(3)}-${list.end(at).toFixed(3)}`).join(' ');

  // Sound alone has no pictures to count.
  const decoded = () => (video.videoWidth ? video.getVideoPlaybackQuality().totalVideoFrames : 0);
  const advances = async (text) => {
    const [time, frames] = [video.currentTime, decoded()];
    return until(text, () => video.ended || (video.currentTime > time + 0.2 && (!video.videoWidth || decoded() > frames)));
  };
  video.addEventListener('error', () => seen.errors.push(`element: ${video.error?.message}`));

  const control = { hls: withHls, shaka: withShaka }[player]();
  await control.load('/master.m3u8').catch((error) => seen.errors.push(`load: ${error.message ?? error.code}`));
  video.play().catch((error) => seen.errors.push(`play: ${error.message}`));
  if (!(await advances('the start'))) return seen;
  seen.duration = video.duration;
  seen.rungs = control.rungs();

  // A stretch without interference: the playhead must not rest.
  let [moved, time] = [performance.now(), video.currentTime];
  const watchUntil = Math.min(video.duration - 0.5, 2.5);
  while (!video.ended && video.currentTime < watchUntil && !broken()) {
    await sleep(50);
    if (video.currentTime !== time) [moved, time] = [performance.now(), video.currentTime];
    else if (performance.now() - moved > 1000) {
      seen.stalls.push({ at: time });
      seen.errors.push(`stalled at ${time} s`);
    }
  }

  for (const share of [0.7, 0.1, 0.45]) {
    const to = share * video.duration;
    video.currentTime = to;
    if (!(await until(`the seek to ${to}`, () => !video.seeking)) || !(await advances(`playing after the seek to ${to}`))) return seen;
    seen.seeks.push({ to, at: video.currentTime });
  }

  const heights = seen.rungs.map((rung) => rung.height);
  for (const rung of heights.length > 1 ? [0, heights.length - 1] : []) {
    video.currentTime = 0;
    control.force(rung);
    if (video.paused) video.play();
    const text = `the switch to ${heights[rung]}`;
    if (!(await until(text, () => video.videoHeight === heights[rung])) || !(await advances(`playing after ${text}`))) return seen;
    seen.switches.push({ height: video.videoHeight, at: video.currentTime });
  }

  video.currentTime = Math.max(0, video.duration - 1);
  if (video.paused) video.play();
  await until('the end', () => video.ended);
  seen.ended = video.ended;
  seen.end = video.currentTime;
  if (video.videoWidth) {
    const { totalVideoFrames, corruptedVideoFrames } = video.getVideoPlaybackQuality();
    seen.frames = { decoded: totalVideoFrames, corrupted: corruptedVideoFrames };
    if (corruptedVideoFrames) seen.errors.push(`${corruptedVideoFrames} frames were corrupt`);
  }
  return seen;

  function withHls() {
    seen.version = Hls.version;
    const hls = new Hls();
    hls.on(Hls.Events.ERROR, (_, { fatal, details, reason, error }) =>
      (fatal ? seen.errors : seen.warnings).push(`${details}: ${reason ?? error?.message ?? ''}`));
    return {
      load: async (url) => { hls.loadSource(url); hls.attachMedia(video); },
      rungs: () => hls.levels.map(({ width, height, bitrate }) => ({ width, height, bitrate })),
      force: (rung) => { hls.nextLevel = rung; },
    };
  }

  function withShaka() {
    seen.version = shaka.Player.version;
    shaka.polyfill.installAll();
    const player = new shaka.Player();
    player.addEventListener('error', ({ detail }) =>
      (detail.severity === shaka.util.Error.Severity.CRITICAL ? seen.errors : seen.warnings).push(`${detail.code}: ${detail.message ?? ''}`));
    const tracks = () => player.getVariantTracks().sort((one, other) => one.bandwidth - other.bandwidth);
    return {
      load: async (url) => { await player.attach(video); await player.load(url); },
      rungs: () => tracks().map(({ width, height, bandwidth }) => ({ width, height, bitrate: bandwidth })),
      force: (rung) => {
        player.configure({ abr: { enabled: false } });
        player.selectVariantTrack(tracks()[rung], true);
      },
    };
  }
}
