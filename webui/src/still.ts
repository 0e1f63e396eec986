// One still picture of a camera whose coded pictures this browser does not decode. Its script comes when it is needed.
import { Refused, ask } from "./api";
import { known, shut } from "./look";

/** Where it stands in time, and the next one: UTC us. `picture`: an object URL, the caller's to give back. */
export interface Still {
  picture: string;
  start: number;
  end: number;
  next: number | null;
}

/** The picture at or before an instant. What is shut is refused here, without a request. Throws Refused. */
export async function still(camera: string, at: number): Promise<Still> {
  await known();
  const problem = shut(camera, at);
  if (problem) throw new Refused(problem);
  const response = await ask(`/api/v1/cameras/${encodeURIComponent(camera)}/keyframe.jpg?t=${Math.floor(at)}&q=main`);
  const figure = (name: string): number => Number(response.headers.get(name));
  const next = response.headers.get("Media-Next-Utc");
  return {
    picture: URL.createObjectURL(await response.blob()),
    start: figure("Media-Start-Utc"),
    end: figure("Media-End-Utc"),
    next: next === null ? null : Number(next),
  };
}
