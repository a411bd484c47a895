"""What the programs that make pictures and footage share: paints, soft light, and writing PNG and H.264.

Needs skia-python, numpy, Pillow and ffmpeg. Colours are '#rrggbb' or '#rrggbbaa'.
"""

import re
import subprocess
from pathlib import Path

import numpy as np
import skia
from PIL import Image

MEDIA = Path(__file__).parent.parent
FPS = 30


def colour(text):
    value = text.lstrip("#")
    red, green, blue = (int(value[i : i + 2], 16) for i in (0, 2, 4))
    return skia.Color(red, green, blue, int(value[6:8], 16) if len(value) == 8 else 255)


def fill(what, alpha=1.0, blur=0.0, blend=None):
    """A filling paint from a colour or a shader."""
    paint = skia.Paint(AntiAlias=True, Dither=True)
    if isinstance(what, str):
        paint.setColor(colour(what))
    else:
        paint.setShader(what)
    paint.setAlphaf(paint.getAlphaf() * alpha)
    if blur:
        paint.setMaskFilter(skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, blur))
    if blend:
        paint.setBlendMode(blend)
    return paint


def line(what, width, alpha=1.0, blur=0.0, blend=None):
    paint = fill(what, alpha, blur, blend)
    paint.setStyle(skia.Paint.kStroke_Style)
    paint.setStrokeWidth(width)
    paint.setStrokeCap(skia.Paint.kRound_Cap)
    paint.setStrokeJoin(skia.Paint.kRound_Join)
    return paint


def linear(x0, y0, x1, y1, *colours, stops=None):
    return skia.GradientShader.MakeLinear([(x0, y0), (x1, y1)], [colour(c) for c in colours], stops)


def radial(x, y, radius, *colours, stops=None):
    return skia.GradientShader.MakeRadial((x, y), radius, [colour(c) for c in colours], stops)


def path(description):
    """A path from SVG path data; absolute M L H V C Q Z only."""
    tokens = re.findall(r"[MLHVCQZ]|-?\d*\.?\d+", description)
    result, at, i, command = skia.Path(), (0.0, 0.0), 0, "M"
    while i < len(tokens):
        if tokens[i].isalpha():
            command = tokens[i]
            i += 1
        if command == "Z":
            result.close()
            continue
        count = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "Q": 4}[command]
        n = [float(v) for v in tokens[i : i + count]]
        i += count
        if command == "H":
            n = [n[0], at[1]]
        if command == "V":
            n = [at[0], n[0]]
        if command == "M":
            result.moveTo(*n)
            command = "L"
        elif command in "LHV":
            result.lineTo(*n)
        elif command == "C":
            result.cubicTo(*n)
        else:
            result.quadTo(*n)
        at = tuple(n[-2:])
    return result


def rect(x, y, w, h):
    return skia.Rect.MakeXYWH(x, y, w, h)


def rounded(canvas, x, y, w, h, r, paint):
    canvas.drawRoundRect(rect(x, y, w, h), r, r, paint)


def glow(canvas, x, y, radius, hue, alpha=1.0):
    """Light added on top, fading to nothing."""
    canvas.drawCircle(x, y, radius, fill(radial(x, y, radius, hue, hue[:7] + "55", hue[:7] + "00", stops=[0, 0.35, 1]), alpha, blend=skia.BlendMode.kPlus))


def bokeh(canvas, x, y, radius, hue, alpha):
    """A light out of focus: a disc with a slightly brighter rim."""
    shader = radial(x, y, radius, hue + "70", hue + "88", hue + "c8", hue + "00", stops=[0, 0.75, 0.93, 1])
    canvas.drawCircle(x, y, radius, fill(shader, alpha, blend=skia.BlendMode.kPlus))


def shadow(canvas, x, y, rx, ry, alpha=0.35, hue="#000000"):
    canvas.drawOval(rect(x - rx, y - ry, 2 * rx, 2 * ry), fill(hue, alpha, blur=ry * 0.6))


def vignette(canvas, w, h, strength=0.45, hue="#000000"):
    shader = radial(w / 2, h / 2, (w * w + h * h) ** 0.5 / 2, hue + "00", hue + "00", hue, stops=[0, 0.5, 1])
    canvas.drawRect(rect(0, 0, w, h), fill(shader, strength))


def surface(w, h):
    return skia.Surface(w, h)


def pixels(surf):
    return np.array(surf.toarray(colorType=skia.kRGBA_8888_ColorType), copy=True)


def save(surf, name, grain=0.0, seed=1):
    """Writes a PNG; a little grain keeps wide gradients from banding once they are encoded."""
    data = pixels(surf)
    if grain:
        noise = np.random.default_rng(seed).normal(0, grain, data.shape[:2])[..., None]
        data[..., :3] = np.clip(data[..., :3] + noise, 0, 255)
    opaque = bool((data[..., 3] == 255).all())
    target = MEDIA / name
    target.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(data[..., :3] if opaque else data).save(target, optimize=True)
    print(target, target.stat().st_size // 1024, "KiB")


def film(name, w, h, seconds, draw, crf=23):
    """Encodes draw(canvas, t) for each frame: H.264, BT.709 limited range, closed GOPs of a second, fast start."""
    target = MEDIA / name
    target.parent.mkdir(parents=True, exist_ok=True)
    tags = ["-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709", "-color_range", "tv"]
    encoder = subprocess.Popen(
        ["ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgba", "-s", f"{w}x{h}", "-r", str(FPS), "-i", "-",
         "-vf", "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p", "-c:v", "libx264", "-preset", "medium", "-crf", str(crf),
         "-g", str(FPS), "-flags", "+cgop", *tags, "-map_metadata", "-1", "-fflags", "+bitexact", "-movflags", "+faststart", target],
        stdin=subprocess.PIPE)
    surf = surface(w, h)
    for i in range(round(seconds * FPS)):
        draw(surf.getCanvas(), i / FPS)
        encoder.stdin.write(pixels(surf).tobytes())
    encoder.stdin.close()
    if encoder.wait():
        raise SystemExit(f"encoding {target} failed")
    print(target, target.stat().st_size // 1024, "KiB")
