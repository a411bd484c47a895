// What a program written with the Node SDK does, with nothing changed in the SDK:
// base address and key are set, as its documentation says. Prints what it saw as JSON.
//
//   node client.cjs BASE KEY FILE

const assert = require("node:assert/strict");
const fs = require("node:fs");
const Shotstack = require("shotstack-sdk");

const [base, key, file] = process.argv.slice(2);
const client = Shotstack.ApiClient.instance;
client.basePath = base;
client.authentications.DeveloperKey.apiKey = key;
const api = new Shotstack.EditApi();

const POLL_MS = 100;

function edit(name) {
  const title = new Shotstack.HtmlAsset()
    .setHtml(`<p>Hello ${name}</p>`)
    .setCss("p { color: #ffffff; font-size: 20px; font-family: 'Montserrat'; }")
    .setWidth(240)
    .setHeight(40);
  const video = new Shotstack.VideoAsset().setSrc("media/greeting-30/bg.mp4").setVolume(0);
  const clips = [
    new Shotstack.Clip().setAsset(title).setStart(0.5).setLength(1),
    new Shotstack.Clip().setAsset(video).setStart(0).setLength(2),
  ];
  const tracks = clips.map((clip) => new Shotstack.Track().setClips([clip]));
  const timeline = new Shotstack.Timeline().setBackground("#000000").setTracks(tracks);
  const size = new Shotstack.Size().setWidth(256).setHeight(144);
  const output = new Shotstack.Output().setFormat("mp4").setSize(size).setFps(25);
  return new Shotstack.Edit().setTimeline(timeline).setOutput(output);
}

async function done(id) {
  for (;;) {
    const { response } = await api.getRender(id, { data: false, merged: true });
    if (response.status === "failed") throw new Error(response.error);
    if (response.status === "done") return response;
    assert.ok(["queued", "fetching", "rendering", "saving"].includes(response.status), response.status);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** What a request that must fail failed with. */
async function failure(promise) {
  try {
    await promise;
  } catch (error) {
    return { status: error.status, body: error.body };
  }
  throw new Error("it should have failed");
}

async function main() {
  const probed = await api.probe("media/greeting-30/bg.mp4");
  const posted = await api.postRender(edit("Node"));
  assert.equal(posted.message, "Created");
  const render = await done(posted.response.id);
  const answer = await fetch(render.url);
  assert.equal(answer.status, 200);
  fs.writeFileSync(file, Buffer.from(await answer.arrayBuffer()));

  const template = new Shotstack.Template().setName("node").setTemplate(edit("{{ NAME }}"));
  const made = await api.postTemplate(template);
  const id = made.response.id;
  const listed = await api.getTemplates();
  assert.ok(listed.response.templates.some((one) => one.id === id && one.name === "node"));
  const field = new Shotstack.MergeField().setFind("NAME").setReplace("Zoe");
  const wish = new Shotstack.TemplateRender().setId(id).setMerge([field]);
  const again = await done((await api.postTemplateRender(wish)).response.id);
  await api.putTemplate(id, new Shotstack.Template().setName("changed").setTemplate(edit("Ben")));
  await api.deleteTemplate(id);

  const serve = new Shotstack.ServeApi(new Shotstack.ApiClient(base.replace("/edit/", "/serve/")));
  serve.apiClient.authentications.DeveloperKey.apiKey = key;
  const assets = await serve.getAssetByRenderId(posted.response.id);
  const asset = await serve.getAsset(assets.data[0].attributes.id);

  const bad = edit("x");
  bad.getTimeline().getTracks()[0].getClips()[0].setLength(-1);
  console.log(
    JSON.stringify({
      streams: probed.response.metadata.streams.length,
      render,
      again: again.status,
      asset: asset.data.attributes,
      unknown: await failure(api.deleteTemplate(id)),
      bad: await failure(api.postRender(bad)),
    }),
  );
}

main().catch((error) => {
  console.error(error.body ? JSON.stringify(error.body) : error);
  process.exit(1);
});
