#!/usr/bin/env python3
"""The footage of the template countdown: a tunnel of light, a dial that runs down from 3 to 0 s at second six, then a burst (1:1)."""

import math

import numpy as np
import skia
from art import fill, film, glow, line, linear, radial, rect, vignette

SIZE, SECONDS, ZERO, BEAT = 1080, 12, 6.0, 0.5
MID = SIZE / 2
NEON = ["#36e0ff", "#7a5cff", "#ff4fa3", "#ffb03a"]


def mix(a, b, share):
    pairs = zip((int(a[i : i + 2], 16) for i in (1, 3, 5)), (int(b[i : i + 2], 16) for i in (1, 3, 5)))
    return "#" + "".join(f"{round(x + (y - x) * share):02x}" for x, y in pairs)


def tunnel(canvas, t, after):
    """Rounded squares that come towards the viewer and turn; faster once the count is over."""
    travel = 0.32 * t + (0.4 * (t - ZERO) if after else 0)
    for i in range(12):
        z = 1 - ((i / 12 + travel / 2) % 1)
        scale = 1 / (0.12 + 1.5 * z)
        half = 150 * scale
        alpha = min(1, (1 - z) * 2.2) * min(1, z * 6)
        hue = NEON[i % 3] if not after else NEON[(i % 3) + 1]
        canvas.save()
        canvas.translate(MID, MID)
        canvas.rotate(18 * z * 3 + 9 * t)
        box = rect(-half, -half, 2 * half, 2 * half)
        canvas.drawRoundRect(box, half * 0.3, half * 0.3, line(hue, 5 * scale, 0.16 * alpha, blend=skia.BlendMode.kPlus))
        canvas.drawRoundRect(box, half * 0.3, half * 0.3, line(hue, 1.3 * scale, 0.6 * alpha, blend=skia.BlendMode.kPlus))
        canvas.restore()


def ball(canvas, x, y, r, hue, dark):
    """A glossy sphere: body, reflected light below, a highlight."""
    canvas.drawCircle(x, y, r, fill(radial(x - r * 0.35, y - r * 0.4, r * 1.7, mix(hue, "#ffffff", 0.55), hue, dark, "#0a0620", stops=[0, 0.3, 0.75, 1])))
    canvas.save()
    clip = skia.Path()
    clip.addCircle(x, y, r)
    canvas.clipPath(clip, doAntiAlias=True)
    canvas.drawCircle(x + r * 0.25, y + r * 0.85, r * 0.7, fill(radial(x + r * 0.25, y + r * 0.85, r * 0.7, hue + "90", hue + "00"), blend=skia.BlendMode.kPlus))
    canvas.restore()
    canvas.drawOval(rect(x - r * 0.62, y - r * 0.74, r * 0.62, r * 0.42), fill(linear(0, y - r * 0.74, 0, y - r * 0.3, "#ffffffd0", "#ffffff00")))


def film_countdown():
    rng = np.random.default_rng(77)
    balls = [(i * 0.785 + rng.uniform(-0.2, 0.2), 440 + 50 * rng.uniform(-1, 1), rng.uniform(34, 72), i % 4, rng.uniform(-0.5, 0.5)) for i in range(8)]
    sparks = [(rng.uniform(0, 6.28), rng.uniform(160, 900), rng.uniform(2, 6), NEON[rng.integers(4)], rng.uniform(0.8, 2.2)) for _ in range(170)]
    stars = [(rng.uniform(0, SIZE), rng.uniform(0, SIZE), rng.uniform(0.6, 2), rng.uniform(0, 6.28)) for _ in range(120)]

    def draw(canvas, t):
        after = t >= ZERO
        warm = min(1, max(0, (t - ZERO) / 0.6))
        canvas.drawPaint(fill(linear(0, 0, SIZE, SIZE, mix("#0b1038", "#2a0a4a", warm), mix("#150a3a", "#5a0f5e", warm), mix("#050618", "#1a0530", warm))))
        for x, y, r, phase in stars:
            canvas.drawCircle(x, y, r, fill("#ffffff", 0.25 + 0.2 * math.sin(2 * t + phase)))
        beat = math.exp(-((t % BEAT) / BEAT) * 4)
        glow(canvas, MID, MID, 560 + 50 * beat, mix("#3a4cff", "#ff4fa3", warm), 0.28 + 0.12 * beat)
        tunnel(canvas, t, after)

        places = []
        for phase, reach, size, hue, tilt in balls:
            angle = phase + 0.45 * t + (0.25 * (t - ZERO) if after else 0)
            out = reach * (1 + 0.12 * warm)
            depth = math.sin(angle)
            x = MID + out * math.cos(angle)
            y = MID + out * (0.72 * math.sin(angle) + 0.35 * tilt * math.cos(angle))
            places.append((depth, x, y, size * (1 + 0.45 * depth), hue))
        for _, x, y, size, hue in sorted(places):
            shade = mix(NEON[hue], "#14062a", 0.6)
            glow(canvas, x, y, size * 2, NEON[hue], 0.22)
            ball(canvas, x, y, size, NEON[hue], shade)

        if 3 <= t < ZERO:  # one turn of the dial for each second
            run = t % 1
            canvas.drawCircle(MID, MID, 318, fill("#07061c", 0.72))
            canvas.drawCircle(MID, MID, 318, line("#ffffff", 10, 0.14))
            arc = rect(MID - 318, MID - 318, 636, 636)
            dial = skia.GradientShader.MakeSweep(MID, MID, [skia.ColorSetRGB(54, 224, 255), skia.ColorSetRGB(122, 92, 255), skia.ColorSetRGB(255, 79, 163), skia.ColorSetRGB(54, 224, 255)])
            canvas.drawArc(arc, -90, 360 * (1 - run), False, line(dial, 26, 0.35, blur=14))
            canvas.drawArc(arc, -90, 360 * (1 - run), False, line(dial, 14))
            for i in range(60):
                a = math.radians(i * 6)
                near, far = 352, 362 if i % 5 else 374
                canvas.drawLine(MID + near * math.sin(a), MID - near * math.cos(a), MID + far * math.sin(a), MID - far * math.cos(a), line("#ffffff", 3, 0.55))
        if after:
            since = t - ZERO
            for angle, speed, size, hue, drag in sparks:
                reach = 60 + speed * (1 - math.exp(-drag * since)) * 1.05
                x, y = MID + reach * math.cos(angle), MID + reach * math.sin(angle) + 22 * since * since
                fade = max(0, 1 - since / 5.5) * (0.7 + 0.3 * math.sin(9 * since + angle * 7))
                tail = min(70, speed * drag * math.exp(-drag * since) * 0.09)
                canvas.drawLine(x, y, x - tail * math.cos(angle), y - tail * math.sin(angle), line(hue, size, 0.9 * fade, blend=skia.BlendMode.kPlus))
            ring = 120 + 900 * (1 - math.exp(-2.2 * since))
            if since < 1.6:
                canvas.drawCircle(MID, MID, ring, line("#ffffff", 26 * (1 - since / 1.6) + 1, 0.5 * (1 - since / 1.6), blur=6))
            if since < 0.5:
                canvas.drawPaint(fill("#ffffff", 0.85 * (1 - since / 0.5) ** 2))
        vignette(canvas, SIZE, SIZE, 0.55, "#02010c")

    film("countdown/tunnel.mp4", SIZE, SIZE, SECONDS, draw, crf=25)


if __name__ == "__main__":
    film_countdown()
