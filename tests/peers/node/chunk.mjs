// Reads a chunk with GPAC's own parser (npm mp4box) and says what it found, as JSON on one line.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createFile } from "mp4box";

const bytes = readFileSync(process.argv[2]);
const file = createFile();
const found = { samples: 0, bytes: 0, keyframes: 0, errors: [], boxes: [] };
const hash = createHash("sha256");
file.onError = (module, message) => found.errors.push(`${module}: ${message}`);
file.onReady = (info) => {
  file.setExtractionOptions(info.tracks[0].id, null, { nbSamples: 1 });
  file.start();
};
file.onSamples = (_id, _user, samples) => {
  for (const sample of samples) {
    found.samples += 1;
    found.bytes += sample.data.byteLength;
    hash.update(sample.data);
    found.keyframes += sample.is_sync ? 1 : 0;
  }
};
const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
buffer.fileStart = 0;
file.appendBuffer(buffer);
file.flush();
found.boxes = file.boxes.map((box) => box.type);
console.log(JSON.stringify({ ...found, digest: hash.digest("hex") }));
