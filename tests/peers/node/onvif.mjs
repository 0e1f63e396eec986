// Asks a camera with npm's onvif (agsh/onvif), a client of others, and says what it found, as JSON on one line.
// Arguments: host port user password [new password]; or "search" interface.
import { promisify } from "node:util";
import onvif from "onvif";

const [first, ...rest] = process.argv.slice(2);

async function search(device) {
  onvif.Discovery.on("error", () => {});
  const found = await promisify(onvif.Discovery.probe.bind(onvif.Discovery))({ timeout: 700, device });
  return found.map((cam) => `${cam.hostname}:${cam.port}`);
}

function connected(hostname, port, username, password) {
  return new Promise((resolve, reject) => {
    const cam = new onvif.Cam({ hostname, port: Number(port), username, password, timeout: 5000 }, (error) =>
      error ? reject(error) : resolve(cam),
    );
  });
}

async function asked(hostname, port, username, password, fresh) {
  const cam = await connected(hostname, port, username, password);
  const call = (name, ...words) => promisify(cam[name].bind(cam))(...words);
  const found = {
    device: await call("getDeviceInformation"),
    time: await call("getSystemDateAndTime"),
    profiles: cam.profiles.map((one) => ({
      token: one.$.token,
      encoding: one.videoEncoderConfiguration.encoding,
      width: one.videoEncoderConfiguration.resolution.width,
      gop: one.videoEncoderConfiguration.H264?.govLength,
    })),
    uris: [],
    users: await call("getUsers"),
  };
  for (const one of cam.profiles) {
    found.uris.push((await call("getStreamUri", { protocol: "RTSP", profileToken: one.$.token })).uri);
  }
  if (fresh) {
    // The library then lists the users with the old password, which fails: a new connection tells what came of it.
    await call("setUsers", [{ username, password: fresh, userLevel: "Administrator" }]).catch(() => {});
    const again = await connected(hostname, port, username, fresh);
    found.users = await promisify(again.getUsers.bind(again))();
  }
  return found;
}

console.log(JSON.stringify(first === "search" ? await search(rest[0]) : await asked(first, ...rest)));
