// The playback screen's address: every state in it, so that it can be kept, handed on and gone back to.
export interface Place {
  camera: string;
  also: string[]; // cameras beside it, at the same instant
  at: number | null;
}

export const MOST = 4; // cameras at a time

export function place(address: URL): Place {
  const at = Number(address.searchParams.get("t") ?? Number.NaN);
  const camera = address.searchParams.get("cam") ?? "";
  const also = (address.searchParams.get("avec") ?? "").split(",").filter((each) => each !== "" && each !== camera);
  return { camera, also: [...new Set(also)].slice(0, MOST - 1), at: Number.isFinite(at) ? at : null };
}

export function playback({ camera, also, at }: Place): string {
  const others = also.filter((each) => each !== camera).map(encodeURIComponent).join(",");
  return `/lecture?cam=${encodeURIComponent(camera)}${others ? `&avec=${others}` : ""}${at === null ? "" : `&t=${at}`}`;
}
