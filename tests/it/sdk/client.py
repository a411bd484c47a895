"""What a program written with the Python SDK does, with nothing changed in the SDK:
base address and key are set, as its documentation says. Prints what it saw as JSON.

    python client.py BASE KEY FILE
"""

import json
import sys
import time
import urllib.request

import shotstack_sdk as shotstack
from shotstack_sdk.api import edit_api, serve_api
from shotstack_sdk.model.clip import Clip
from shotstack_sdk.model.edit import Edit
from shotstack_sdk.model.html_asset import HtmlAsset
from shotstack_sdk.model.merge_field import MergeField
from shotstack_sdk.model.output import Output
from shotstack_sdk.model.size import Size
from shotstack_sdk.model.template import Template
from shotstack_sdk.model.template_render import TemplateRender
from shotstack_sdk.model.timeline import Timeline
from shotstack_sdk.model.track import Track
from shotstack_sdk.model.video_asset import VideoAsset

POLL_S = 0.1


def edit(name, length=2.0):
    title = HtmlAsset(
        html=f"<p>Hello {name}</p>",
        css="p { color: #ffffff; font-size: 20px; font-family: 'Montserrat'; }",
        width=240,
        height=40,
    )
    video = VideoAsset(src="media/greeting-30/bg.mp4", volume=0.0)
    clips = [
        Clip(asset=title, start=0.5, length=1.0),
        Clip(asset=video, start=0.0, length=length),
    ]
    timeline = Timeline(
        background="#000000", tracks=[Track(clips=[clip]) for clip in clips]
    )
    output = Output(format="mp4", size=Size(width=256, height=144), fps=25.0)
    return Edit(timeline=timeline, output=output)


def done(api, id):
    while True:
        render = api.get_render(id, data=False, merged=True)["response"]
        status = render["status"]
        if status == "failed":
            raise RuntimeError(render["error"])
        if status == "done":
            return render
        time.sleep(POLL_S)


def failure(call, *args):
    """What a request that must fail failed with."""
    try:
        call(*args)
    except shotstack.ApiException as error:
        body = json.loads(error.body)
        return {"kind": type(error).__name__, "status": error.status, "body": body}
    raise RuntimeError("it should have failed")


def main(base, key, file):
    configuration = shotstack.Configuration(host=base)
    configuration.api_key["DeveloperKey"] = key
    with shotstack.ApiClient(configuration) as client:
        api = edit_api.EditApi(client)
        probed = api.probe("media/greeting-30/bg.mp4")
        posted = api.post_render(edit("Python"))
        assert posted["message"] == "Created"
        id = posted["response"]["id"]
        render = done(api, id)
        urllib.request.urlretrieve(render["url"], file)

        made = api.post_template(Template(name="python", template=edit("{{ NAME }}")))
        template = made["response"]["id"]
        listed = api.get_templates()["response"]["templates"]
        assert any(one["id"] == template and one["name"] == "python" for one in listed)
        kept = api.get_template(template)["response"]["template"]
        assert kept["output"]["size"]["width"] == 256
        merge = [MergeField(find="NAME", replace="Zoe")]
        wish = TemplateRender(id=template, merge=merge)
        again = done(api, api.post_template_render(wish)["response"]["id"])
        api.put_template(template, Template(name="changed", template=edit("Ben")))
        api.delete_template(template)

        serve = shotstack.Configuration(host=base.replace("/edit/", "/serve/"))
        serve.api_key["DeveloperKey"] = key
        assets = serve_api.ServeApi(shotstack.ApiClient(serve))
        listed = assets.get_asset_by_render_id(id)["data"]
        asset = assets.get_asset(listed[0]["attributes"]["id"])["data"]["attributes"]
        seen = {
            "streams": len(probed["response"]["metadata"]["streams"]),
            "render": render.to_dict(),
            "again": again["status"],
            "asset": asset.to_dict(),
            "unknown": failure(api.delete_template, template),
            "bad": failure(api.post_render, edit("x", length=0.0)),
        }
        print(json.dumps(seen))


main(*sys.argv[1:])
