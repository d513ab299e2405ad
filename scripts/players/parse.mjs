#!/usr/bin/env node
// usage: scripts/players/parse.mjs FOLDER
//
// Reads every playlist below FOLDER with hls-parser (strict) and with m3u8-parser, the one in video.js. Prints one JSON
// line for each playlist: what each parser saw, and what it complained about. Exit 1 when one of them complained.
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fail, load } from './tools.mjs';

const folder = process.argv[2] ?? fail(64, 'usage: scripts/players/parse.mjs FOLDER');
const HLS = load('hls-parser');
const M3U8 = load('m3u8-parser');
HLS.setOptions({ strictMode: true });

const total = (durations) => durations.reduce((sum, seconds) => sum + seconds, 0);

function byHlsParser(text) {
  const playlist = HLS.parse(text);
  if (playlist.isMasterPlaylist) {
    const variants = playlist.variants.map((variant) => ({ uri: variant.uri, bandwidth: variant.bandwidth }));
    return { variants };
  }
  const { segments, targetDuration, endlist } = playlist;
  return { segments: segments.length, seconds: total(segments.map((segment) => segment.duration)), targetDuration, endlist };
}

function byM3u8Parser(text, complain) {
  const parser = new M3U8.Parser();
  parser.on('warn', ({ message }) => complain(message));
  parser.on('error', ({ message }) => complain(message));
  parser.push(text);
  parser.end();
  const { playlists, segments, targetDuration, endList } = parser.manifest;
  if (playlists?.length) {
    const variants = playlists.map(({ uri, attributes }) => ({ uri, bandwidth: attributes.BANDWIDTH }));
    return { variants };
  }
  return { segments: segments.length, seconds: total(segments.map((segment) => segment.duration)), targetDuration, endlist: endList };
}

let complained = false;
const names = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.m3u8')).sort();
for (const playlist of names) {
  const text = readFileSync(path.join(folder, playlist), 'utf8');
  const complaints = [];
  const attempt = (name, parse) => {
    try {
      return parse(text, (message) => complaints.push(`${name}: ${message}`));
    } catch (error) {
      complaints.push(`${name}: ${error.message}`);
      return null;
    }
  };
  const seen = [attempt('hls-parser', byHlsParser), attempt('m3u8-parser', byM3u8Parser)];
  complained ||= complaints.length > 0;
  console.log(JSON.stringify({ playlist, complaints, seen }));
}
if (!names.length) fail(66, `${folder} holds no playlist`);
process.exit(complained ? 1 : 0);
