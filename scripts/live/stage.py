"""What the measurements of live streams share: servers, encoders, players, and the page that they play in.

All of it runs on this machine and ends with the script. Times are those of one clock, so what is read back
from a picture can be compared with it.
"""

import contextlib
import http.server
import json
import os
import queue
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
NGINX_RTMP = "/usr/lib/nginx/modules/ngx_rtmp_module.so"

# Players that the studio does not bring; they are fetched and not kept with the code.
PACKAGES = {"hls.js": "1.7.4", "mpegts.js": "1.8.2"}
SCRIPTS = {
    "hls.js": "hls.js/dist/hls.min.js",
    "mpegts.js": "mpegts.js/dist/mpegts.js",
}

FPS = 25
WIDTH, HEIGHT = 320, 180
# The clock in the picture: blocks of so many pixels, so many in a row, 32 bits of milliseconds and 8 of a sum.
BLOCK, PER_ROW, BITS = 16, 20, 32


class Missing(Exception):
    """Something that is needed is not installed."""


def need(program, package=None):
    if shutil.which(program) is None:
        raise Missing(f"{program} is not installed" + (f" (Debian: {package})" if package else ""))


def binary(given):
    """The server to be measured: the one that was named, else the newest that was built."""
    built = [ROOT / "target" / profile / "loomcast" for profile in ("release", "debug")]
    known = [Path(given)] if given else [path for path in built if path.exists()]
    if not known or not known[0].exists():
        raise Missing("no loomcast: build it (cargo build --release), or name it with --loomcast")
    return max(known, key=lambda path: path.stat().st_mtime)


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def get(url, body=None):
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data=data, headers={"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"{url}: {error.code}: {error.read().decode()}") from error


class Stage(contextlib.ExitStack):
    """Everything that was started, and that ends with it."""

    def __init__(self, loomcast):
        super().__init__()
        self.loomcast = loomcast
        self.folder = Path(self.enter_context(tempfile.TemporaryDirectory(prefix="loomcast-live-")))

    def run(self, command, **kwargs):
        process = subprocess.Popen(command, **kwargs)  # pylint: disable=consider-using-with
        self.callback(stop, process)
        return process

    def log(self, name):
        return self.enter_context(open(self.folder / f"{name}.log", "wb"))

    def server(self, name, *options):
        data = self.folder / name
        data.mkdir()
        process = self.run(
            [self.loomcast, "serve", "--listen", "127.0.0.1:0", "--rtmp", "127.0.0.1:0", "--srt", "127.0.0.1:0",
             "--allow-host", "127.0.0.1", "--assets", ROOT / "assets", "--templates", ROOT / "templates",
             "--data-dir", data, *options],
            stdout=subprocess.PIPE, stderr=self.log(name), text=True)
        return Server(process)

    def nginx(self):
        """nginx with its RTMP module: its RTMP port, and the port at which its HLS is."""
        need("nginx", "nginx, libnginx-mod-rtmp")
        if not Path(NGINX_RTMP).exists():
            raise Missing("nginx has no RTMP module (Debian: libnginx-mod-rtmp)")
        rtmp, web, folder = free_port(), free_port(), self.folder / "nginx"
        (folder / "hls").mkdir(parents=True)
        (folder / "nginx.conf").write_text(f"""
            load_module {NGINX_RTMP};
            daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
            events {{}}
            rtmp {{ server {{ listen 127.0.0.1:{rtmp}; application live {{
                live on; hls on; hls_path {folder}/hls; hls_fragment 2s; hls_playlist_length 12s;
            }} }} }}
            http {{ access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
                fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
                types {{ application/vnd.apple.mpegurl m3u8; video/mp2t ts; }}
                server {{ listen 127.0.0.1:{web}; root {folder};
                    location / {{ add_header Access-Control-Allow-Origin *; add_header Cache-Control no-cache; }} }} }}
            """, encoding="utf-8")
        self.run(["nginx", "-c", folder / "nginx.conf", "-e", folder / "error.log"])
        wait_for(lambda: connects(rtmp), "nginx")
        return rtmp, web

    def clock(self, *addresses):
        """An encoder of a picture with the time in it, of the moment at which each was drawn."""
        need("ffmpeg", "ffmpeg")
        outputs = "|".join(f"[f=flv]{address}" for address in addresses)
        process = self.run(
            ["ffmpeg", "-v", "error", "-nostdin",
             # What it reads ahead to learn of the pictures would be so much latency of its own.
             "-probesize", "32", "-analyzeduration", "0", "-f", "rawvideo", "-pix_fmt", "gray", "-s", f"{WIDTH}x{HEIGHT}", "-r", str(FPS), "-i", "-",
             "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
             "-map", "0:v", "-map", "1:a", "-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency",
             "-pix_fmt", "yuv420p", "-g", "50", "-keyint_min", "50", "-sc_threshold", "0", "-b:v", "800k",
             "-c:a", "aac", "-ac", "2", "-flags", "+global_header", "-flush_packets", "1", "-f", "tee", outputs],
            stdin=subprocess.PIPE, stderr=self.log("encoder"))
        drawing = threading.Thread(target=draw, args=(process.stdin,), daemon=True)
        drawing.start()
        return process

    def encoder(self, file, address, *options):
        """An encoder that sends `file` again and again at the speed at which it plays, as it is."""
        kind = ["-f", "mpegts"] if address.startswith("srt:") else ["-f", "flv"]
        return self.run(["ffmpeg", "-v", "error", "-nostdin", "-re", "-stream_loop", "-1", "-i", file,
                         "-c", "copy", *options, *kind, address], stderr=self.log("encoder"))


class Server:
    """A running `loomcast serve`."""

    def __init__(self, process):
        self.process, self.rtmp, self.srt = process, None, None
        for line in process.stdout:
            door = re.search(r"publish to (rtmp|srt)://([0-9.:]+)", line)
            if door:
                setattr(self, door[1], door[2])
            at = re.search(r"serving on (http://\S+)", line)
            if at:
                self.url = at[1]
                return
        raise RuntimeError("the server did not start")

    def address(self, name):
        return f"rtmp://{self.rtmp}/live/{name}"

    def await_live(self, name):
        def live():
            with contextlib.suppress(OSError, RuntimeError):
                told = json.loads(get(f"{self.url}/v1/live/{name}"))
                return told["status"] == "live" and told["tracks"] and told["tracks"][0]["current_segment"] > 1
            return False
        wait_for(live, f"{name} is never live")


def stop(process):
    if process.stdin:
        with contextlib.suppress(OSError):
            process.stdin.close()
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def connects(port):
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


def wait_for(true, what, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise RuntimeError(what)
        time.sleep(0.05)


def draw(out):
    """Writes pictures, each with the time at which it was made, at their pace."""
    pattern = bytes((x * 3 + y * 5) % 200 + 20 for y in range(HEIGHT) for x in range(WIDTH * 2))
    begun, count = time.monotonic(), 0
    while True:
        pause = begun + count / FPS - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        ms = time.time_ns() // 1_000_000 & 0xFFFFFFFF
        value = ms << 8 | sum(ms.to_bytes(4, "big")) & 0xFF
        bits = [value >> index & 1 for index in range(BITS + 8)]
        picture = bytearray()
        for at in range(0, len(bits), PER_ROW):
            row = b"".join(bytes([235 if bit else 16]) * BLOCK for bit in bits[at:at + PER_ROW])
            picture += row * BLOCK
        shift = count * 2 % WIDTH
        for line in range(len(picture) // WIDTH, HEIGHT):
            start = line * WIDTH * 2 + shift
            picture += pattern[start:start + WIDTH]
        try:
            out.write(picture)
            out.flush()
        # It was stopped.
        except (OSError, ValueError):
            return
        count += 1


def scripts():
    """The folder of the players' scripts, fetched by npm where they are not there yet."""
    need("npm", "npm")
    folder = ROOT / "target" / "live-players"
    wanted = [folder / "node_modules" / path for path in SCRIPTS.values()]
    if not all(path.exists() for path in wanted):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text("{}", encoding="utf-8")
        packages = [f"{name}@{version}" for name, version in PACKAGES.items()]
        subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", *packages],
                       cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return folder / "node_modules"


class Browser:
    """Pages with one player each, in Chromium, and what they tell."""

    def __init__(self, stage):
        need("chromium", "chromium")
        self.stage, self.told, modules = stage, queue.Queue(), scripts()
        told = self.told

        class Handler(http.server.BaseHTTPRequestHandler):
            """The page, what it loads, and where it tells its result."""

            def do_GET(self):  # pylint: disable=invalid-name
                name = self.path.split("?")[0].strip("/") or "player.html"
                path = modules / SCRIPTS[name] if name in SCRIPTS else HERE / Path(name).name
                if not path.is_file():
                    self.send_error(404)
                    return
                self.answer(path.read_bytes(), "text/html" if path.suffix == ".html" else "text/javascript")

            def do_POST(self):  # pylint: disable=invalid-name
                body = self.rfile.read(int(self.headers["content-length"]))
                told.put(json.loads(body))
                self.answer(b"", "text/plain")

            def answer(self, body, kind):
                self.send_response(200)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.pages = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.pages.serve_forever, daemon=True).start()
        stage.callback(self.pages.shutdown)

    def play(self, player, url, seconds, warm_up=6):
        """Plays `url` by `player` for so long, and gives what the page tells."""
        wishes = json.dumps({"player": player, "url": url, "seconds": seconds, "warmUp": warm_up,
                             "clock": {"block": BLOCK, "perRow": PER_ROW, "bits": BITS, "width": WIDTH}})
        page = f"http://127.0.0.1:{self.pages.server_port}/#{urllib.request.quote(wishes)}"
        with tempfile.TemporaryDirectory(prefix="loomcast-live-") as profile:
            process = self.stage.run(
                ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                 "--disable-background-networking", "--disable-sync", "--disable-component-update",
                 "--disable-dev-shm-usage", "--mute-audio", "--autoplay-policy=no-user-gesture-required",
                 "--disable-background-timer-throttling", "--disable-renderer-backgrounding",
                 f"--user-data-dir={profile}", page],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                return self.told.get(timeout=seconds + warm_up + 90)
            except queue.Empty:
                return {"failed": "the page told nothing"}
            finally:
                stop(process)
                # What it started may still write into its profile.
                time.sleep(0.5)


def percentile(values, hundredths):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * hundredths // 100)]


def table(head, rows):
    """Prints rows under their heads, the first column left, all others right."""
    cells = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    for row in cells:
        first, *others = zip(row, widths)
        print("  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]).rstrip())


def fail(name, error):
    print(f"{name}: {error}", file=sys.stderr)
    return os.EX_UNAVAILABLE
