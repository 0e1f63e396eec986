// When each picture of a GOP is shown, from its own moof boxes (ISO/IEC 14496-12 sections 8.8.8 and 8.8.12).

const CONTAINERS = new Set(["moof", "traf"]);

/** Presentation times in 90 kHz ticks, sorted. Throws on nothing: a box it cannot read ends the search. */
export function pictureTimes(bytes: ArrayBuffer): number[] {
  const view = new DataView(bytes);
  const times: number[] = [];
  let decode = 0;
  const walk = (from: number, to: number): void => {
    for (let at = from; at + 8 <= to; ) {
      const size = view.getUint32(at);
      const kind = String.fromCharCode(...new Uint8Array(bytes, at + 4, 4));
      if (size < 8 || at + size > to) return;
      if (CONTAINERS.has(kind)) walk(at + 8, at + size);
      else if (kind === "tfdt") decode = view.getUint8(at + 8) === 1 ? Number(view.getBigUint64(at + 12)) : view.getUint32(at + 12);
      else if (kind === "trun") decode = run(view, at, decode, times);
      at += size;
    }
  };
  walk(0, bytes.byteLength);
  return times.sort((a, b) => a - b);
}

/** Rows of one trun; the ring writes all four fields of each sample. */
function run(view: DataView, at: number, start: number, times: number[]): number {
  const flags = view.getUint32(at + 8) & 0xffffff;
  const count = view.getUint32(at + 12);
  const has = (bit: number): number => ((flags & bit) !== 0 ? 4 : 0);
  let row = at + 16 + has(0x1) + has(0x4);
  let decode = start;
  for (let sample = 0; sample < count; sample++) {
    const duration = has(0x100) ? view.getUint32(row) : 0;
    const shift = has(0x800) ? view.getInt32(row + has(0x100) + has(0x200) + has(0x400)) : 0;
    times.push(decode + shift);
    decode += duration;
    row += has(0x100) + has(0x200) + has(0x400) + has(0x800);
  }
  return decode;
}
