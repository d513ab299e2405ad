#!/usr/bin/env node
// usage: scripts/players/play.mjs [--brief] hls|shaka|videojs FOLDER...
//
// Plays FOLDER/master.m3u8 in headless Chromium with hls.js, Shaka Player or video.js, from a server of its own on a free
// port of the loopback: from the start, after seeks, after a switch to the lowest and to the highest rung and to another
// sound, and to the end. With --brief: the start, one seek, another sound, the end; some folders at a time. A folder whose
// codecs this browser says it cannot decode is not played. Prints one JSON line for each folder with what happened. Exit 1
// when anything went wrong, 69 when a tool is missing.
import { createReadStream, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chromium, fail, file, load } from './tools.mjs';

const LIMIT_MS = 120_000;
/** Pages that play at a time with --brief: they mostly wait. */
const PAGES = 6;
const LIBRARIES = {
  hls: ['hls.js', 'dist/hls.min.js'],
  shaka: ['shaka-player', 'dist/shaka-player.compiled.js'],
  videojs: ['video.js', 'dist/video.min.js'],
};
const TYPES = {
  '.m3u8': 'application/vnd.apple.mpegurl', '.ts': 'video/mp2t', '.m4s': 'video/iso.segment', '.mp4': 'video/mp4',
  '.js': 'text/javascript',
};
const PAGE = '<!doctype html><meta charset=utf-8><video id=video width=640 height=360 muted></video><script src=/player.js></script>';

const words = process.argv.slice(2);
const brief = words[0] === '--brief' && Boolean(words.shift());
const [player, ...folders] = words;
if (!folders.length || !LIBRARIES[player]) fail(64, 'usage: scripts/players/play.mjs [--brief] hls|shaka|videojs FOLDER...');
const library = file(...LIBRARIES[player]);
const playwright = load('playwright-core');
const executablePath = chromium();

const results = folders.map((folder) => ({ folder, player, ok: false, errors: [], asked: [] }));
const server = createServer(answer);
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const origin = `http://127.0.0.1:${server.address().port}`;
const profile = mkdtempSync(path.join(tmpdir(), 'aqueduct-player-'));
let browser;
try {
  browser = await playwright.chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--disable-extensions', '--mute-audio',
      '--autoplay-policy=no-user-gesture-required', '--disable-background-timer-throttling',
      '--disable-renderer-backgrounding', '--disable-backgrounding-occluded-windows',
    ],
  });
  const queue = results.keys();
  const work = async () => { for (const number of queue) await playOne(number); };
  await Promise.all(Array.from({ length: brief ? PAGES : 1 }, work));
} catch (error) {
  results.forEach((result) => result.ok || result.errors.push(String(error).slice(0, 500)));
} finally {
  // Ends the browser's processes too.
  await browser?.close().catch(() => {});
  server.closeAllConnections();
  server.close();
  rmSync(profile, { recursive: true, force: true });
}
for (const result of results) {
  // A player that asks again and again would fill the screen.
  result.errors = [...new Set(result.errors)].slice(0, 20);
  result.ok = result.errors.length === 0;
  console.log(JSON.stringify(result));
}
process.exit(results.every((result) => result.ok) ? 0 : 1);

/** Plays one folder in a page of its own. */
async function playOne(number) {
  const result = results[number];
  const page = await browser.newPage();
  const gone = [];
  page.on('pageerror', (error) => gone.push(`page: ${error}`));
  page.on('console', (message) => message.type() === 'error' && gone.push(`console: ${message.text()}`));
  try {
    await page.goto(`${origin}/${number}/`);
    const codecs = codecsOf(readFileSync(path.join(result.folder, 'master.m3u8'), 'utf8'));
    result.codecs = await page.evaluate(decodable, codecs);
    result.undecodable = codecs.filter((codec) => !result.codecs[codec]);
    if (!result.undecodable.length) {
      const watched = await within(LIMIT_MS, page.evaluate(watch, { player, number, brief }));
      Object.assign(result, watched, { errors: [...result.errors, ...watched.errors] });
    }
  } catch (error) {
    result.errors.push(String(error).slice(0, 500));
  }
  result.errors.push(...gone);
  await page.close().catch(() => {});
}

/** Every codec that a multivariant playlist names, where all its variants have it. */
function codecsOf(text) {
  const lists = [...text.matchAll(/^#EXT-X-STREAM-INF:.*[:,]CODECS="([^"]*)"/gm)].map(([, list]) => list.split(','));
  // Players leave out a variant that they cannot play, and play the others.
  return lists.reduce((common, list) => common.filter((codec) => list.includes(codec)));
}

/** Runs inside the page: what the browser says of each codec. */
function decodable(codecs) {
  const named = (codec) => ['video', 'audio'].some((kind) => MediaSource.isTypeSupported(`${kind}/mp4; codecs="${codec}"`));
  // MP3 has a type of its own, which says all.
  const is = (codec) => named(codec) || (codec === 'mp4a.40.34' && MediaSource.isTypeSupported('audio/mpeg'));
  return Object.fromEntries(codecs.map((codec) => [codec, is(codec)]));
}

/** The page, the player, or a file of the presentation. */
function answer(request, response) {
  const asked = path.normalize(decodeURIComponent(new URL(request.url, 'http://localhost').pathname));
  if (asked === '/favicon.ico') return response.writeHead(204).end();
  const [, number, wanted] = /^\/(\d*)(.*)$/.exec(asked);
  if (wanted === '/') return response.setHeader('Content-Type', 'text/html').end(PAGE);
  const result = results[number];
  const name = asked === '/player.js' ? library : path.join(result?.folder ?? '', wanted);
  result?.asked.push(wanted.slice(1));
  const size = statSync(name, { throwIfNoEntry: false })?.size;
  if (size === undefined) {
    result?.errors.push(`asked for ${asked}, which is not there`);
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
    result?.errors.push(`asked for the bytes ${start}-${end} of ${asked}, which has ${size}`);
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
async function watch({ player, number, brief }) {
  const PATIENCE_MS = 15_000;
  let video = document.querySelector('video');
  const seen = { version: '', errors: [], warnings: [], seeks: [], switches: [], stalls: [], rungs: [], sounds: [] };
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
  const control = { hls: withHls, shaka: withShaka, videojs: withVideoJs }[player]();
  video.addEventListener('error', () => seen.errors.push(`element: ${video.error?.message}`));
  await control.load(`/${number}/master.m3u8`).catch((error) => seen.errors.push(`load: ${error.message ?? error.code}`));
  video.play().catch((error) => seen.errors.push(`play: ${error.message}`));
  if (!(await advances('the start'))) return seen;
  seen.duration = video.duration;
  seen.rungs = control.rungs();
  const heights = seen.rungs.map((rung) => rung.height);

  if (brief) {
    await seek(0.5);
  } else {
    await atLeisure();
  }
  if (broken()) return seen;

  const sounds = control.sounds();
  for (const [at, name] of sounds.length > 1 ? [...sounds.entries()].reverse() : []) {
    video.currentTime = 0;
    control.sound(at);
    if (video.paused) video.play();
    if (!(await until(`the switch to ${name}`, () => control.hears() === at)) || !(await advances(`playing ${name}`))) return seen;
    seen.sounds.push(name);
  }

  video.currentTime = Math.max(0, video.duration - (brief ? 0.5 : 1));
  if (video.paused) video.play();
  await until('the end', () => video.ended);
  seen.ended = video.ended;
  seen.end = video.currentTime;
  seen.buffered = Array.from(video.buffered, (_, at) => [video.buffered.start(at), video.buffered.end(at)]);
  seen.heard = video.webkitAudioDecodedByteCount;
  if (video.videoWidth) {
    const { totalVideoFrames, corruptedVideoFrames } = video.getVideoPlaybackQuality();
    seen.frames = { decoded: totalVideoFrames, corrupted: corruptedVideoFrames };
    seen.size = [video.videoWidth, video.videoHeight];
    if (corruptedVideoFrames) seen.errors.push(`${corruptedVideoFrames} frames were corrupt`);
  }
  return seen;

  async function seek(share) {
    const to = share * video.duration;
    video.currentTime = to;
    if (!(await until(`the seek to ${to}`, () => !video.seeking)) || !(await advances(`playing after the seek to ${to}`))) return;
    seen.seeks.push({ to, at: video.currentTime });
  }

  /** A stretch without interference, where the playhead must not rest; seeks; the lowest and the highest rung. */
  async function atLeisure() {
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
    for (const share of [0.7, 0.1, 0.45]) await seek(share);
    for (const rung of heights.length > 1 && !broken() ? [0, heights.length - 1] : []) {
      video.currentTime = 0;
      control.force(rung);
      if (video.paused) video.play();
      const text = `the switch to ${heights[rung]}`;
      if (!(await until(text, () => video.videoHeight === heights[rung])) || !(await advances(`playing after ${text}`))) return;
      seen.switches.push({ height: video.videoHeight, at: video.currentTime });
    }
  }

  function withHls() {
    seen.version = Hls.version;
    const hls = new Hls();
    let buffered = {};
    hls.on(Hls.Events.BUFFER_APPENDED, (_, { timeRanges }) => { buffered = { ...buffered, ...timeRanges }; });
    /** Seconds of a segment that its buffer lacks. */
    const lacks = ({ type, start, end }) => {
      const list = buffered[type === 'main' ? 'video' : type] ?? buffered.audiovideo ?? buffered.audio;
      const spans = Array.from(list ?? [], (_, at) => Math.min(end, list.end(at)) - Math.max(start, list.start(at)));
      return end - start - spans.filter((span) => span > 0).reduce((sum, span) => sum + span, 0);
    };
    hls.on(Hls.Events.ERROR, (_, { fatal, details, reason, error, frag }) => {
      const where = frag ? `, segment ${frag.sn} of ${frag.type} ${frag.level}, ${lacks(frag).toFixed(3)} s missing` : '';
      (fatal ? seen.errors : seen.warnings).push(`${details}: ${reason ?? error?.message ?? ''}${where}`);
    });
    return {
      load: async (url) => { hls.loadSource(url); hls.attachMedia(video); },
      rungs: () => hls.levels.map(({ width, height, bitrate }) => ({ width, height, bitrate })),
      force: (rung) => { hls.nextLevel = rung; },
      sounds: () => hls.audioTracks.map(({ name }) => name),
      sound: (at) => { hls.audioTrack = at; },
      hears: () => hls.audioTrack,
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
      sounds: () => player.getAudioTracks().map(({ label }) => label),
      sound: (at) => player.selectAudioTrack(player.getAudioTracks()[at]),
      hears: () => player.getAudioTracks().findIndex(({ active }) => active),
    };
  }

  function withVideoJs() {
    seen.version = videojs.VERSION;
    const html5 = { vhs: { overrideNative: true }, nativeAudioTracks: false, nativeVideoTracks: false };
    const player = videojs('video', { muted: true, html5 });
    videojs.log.level('off');
    player.on('error', () => seen.errors.push(`${player.error()?.code}: ${player.error()?.message}`));
    const vhs = () => player.tech(true).vhs;
    const rungs = () => (vhs()?.representations?.() ?? []).slice().sort((one, other) => one.bandwidth - other.bandwidth);
    const sounds = () => Array.from({ length: player.audioTracks().length }, (_, at) => player.audioTracks()[at]);
    video = player.tech(true).el();
    return {
      load: async (url) => player.src({ src: url, type: 'application/x-mpegURL' }),
      rungs: () => rungs().map(({ width, height, bandwidth }) => ({ width, height, bitrate: bandwidth })),
      force: (rung) => rungs().forEach((other, at) => other.enabled(at === rung)),
      sounds: () => sounds().map(({ label }) => label),
      sound: (at) => { sounds()[at].enabled = true; },
      hears: () => sounds().findIndex(({ enabled }) => enabled),
    };
  }
}
