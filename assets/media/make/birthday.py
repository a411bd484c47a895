#!/usr/bin/env python3
"""The pictures and footage of the template birthday: falling confetti, a cake, a present."""

import math

import numpy as np
from art import bokeh, fill, film, glow, line, linear, path, radial, rect, rounded, save, shadow, surface, vignette

PAPER = ["#ff5d8f", "#ffd166", "#4cc9f0", "#b892ff", "#7ae582", "#ff9e6d", "#ffffff"]


def confetti_film():
    """Six seconds: lights out of focus that breathe, and paper confetti that tumbles down before them."""
    w, h, seconds = 1280, 720, 6
    rng = np.random.default_rng(2024)
    lights = [(rng.uniform(-50, w + 50), rng.uniform(-50, h + 50), rng.uniform(24, 105), PAPER[rng.integers(6)], rng.uniform(0.1, 0.4),
               rng.uniform(0, 6.28), rng.uniform(-9, 9)) for _ in range(46)]
    papers = [(rng.uniform(0, w), rng.uniform(0, h + 120), z, PAPER[rng.integers(7)], rng.uniform(0, 6.28), rng.uniform(1.5, 4.5),
               rng.integers(3)) for z in np.sort(rng.uniform(0.35, 1.5, 120))]

    def draw(canvas, t):
        canvas.drawPaint(fill(linear(0, 0, w, h, "#2a0a4a", "#7a1664", "#d6336c", "#ff8a5c", stops=[0, 0.45, 0.8, 1])))
        canvas.drawCircle(w * 0.5, h * 0.45, 620, fill(radial(w * 0.5, h * 0.45, 620, "#ff9ecb50", "#ff9ecb00")))
        for x, y, r, hue, alpha, phase, drift in lights:
            bokeh(canvas, x + drift * (t - 7), y + 8 * math.sin(0.5 * t + phase), r, hue, alpha * (0.65 + 0.35 * math.sin(0.9 * t + phase)))
        for x, y, z, hue, phase, spin, kind in papers:
            fall = (y + t * (58 + 95 * z)) % (h + 120) - 60
            sway = x + 26 * z * math.sin(1.1 * t + phase)
            canvas.save()
            canvas.translate(sway, fall)
            canvas.rotate(math.degrees(phase + 0.8 * spin * t))
            turn = math.cos(spin * t + phase)
            canvas.scale(1, 0.12 + 0.88 * abs(turn))
            paint = fill(hue, 0.92 if z > 0.6 else 0.6, blur=0 if 0.5 < z < 1.25 else 1.6)
            if kind == 0:
                canvas.drawCircle(0, 0, 7 * z, paint)
            elif kind == 1:
                canvas.drawRect(rect(-9 * z, -5 * z, 18 * z, 10 * z), paint)
            else:
                canvas.drawRect(rect(-14 * z, -2.5 * z, 28 * z, 5 * z), paint)
            canvas.restore()
        vignette(canvas, w, h, 0.5, "#14021f")

    film("birthday/confetti.mp4", w, h, seconds, draw, crf=21)


def candle(canvas, x, base, height, hue):
    rounded(canvas, x - 8, base - height, 16, height, 5, fill(linear(x - 8, 0, x + 8, 0, "#ffffff", hue, hue, stops=[0, 0.35, 1])))
    for i in range(4):
        y = base - height + 14 + i * height / 4
        canvas.drawLine(x - 7, y + 7, x + 7, y - 5, line("#ffffff", 4, 0.75))
    canvas.drawLine(x, base - height, x + 1, base - height - 11, line("#4a2c2a", 2.5))
    top = base - height - 8
    glow(canvas, x, top - 18, 130, "#ffb347", 0.55)
    canvas.drawPath(path(f"M{x} {top - 52} C{x + 20} {top - 24} {x + 15} {top} {x} {top} C{x - 15} {top} {x - 20} {top - 24} {x} {top - 52} Z"),
                    fill(linear(x, top - 52, x, top, "#ff8c1a", "#ffc93c", "#fff3c4")))
    canvas.drawOval(rect(x - 5, top - 24, 10, 22), fill("#fffdf0", 0.95, blur=2))


def tier(canvas, x, top, width, height, cake, dark, icing):
    """One round layer of cake: side with light from the left, a top, and icing that runs down in drops."""
    ry = width * 0.085
    left = x - width / 2
    side = path(f"M{left} {top} L{left} {top + height} C{left} {top + height + ry * 1.33} {left + width} {top + height + ry * 1.33} {left + width} {top + height} L{left + width} {top} Z")
    canvas.drawPath(side, fill(linear(left, 0, left + width, 0, cake, cake, dark, stops=[0, 0.45, 1])))
    canvas.save()
    canvas.clipPath(side, doAntiAlias=True)
    for i in range(3):
        y = top + height * (0.5 + 0.24 * i)
        canvas.drawPath(path(f"M{left} {y} C{left} {y + ry * 1.33} {left + width} {y + ry * 1.33} {left + width} {y}"), line(dark, 3, 0.35))
    canvas.restore()
    drops = int(width / 44)
    step = width / drops
    d = f"M{left} {top}"
    for i in range(drops):
        x0, x1 = left + i * step, left + (i + 1) * step
        bow = ry * math.sqrt(max(0, 1 - ((x0 + step / 2 - x) / (width / 2)) ** 2))
        run = (26, 48, 34, 60, 30, 42)[i % 6] * (0.75 + height / 500)
        y = top + bow + run
        d += f" C{x0} {y + 8} {x1 - step * 0.18} {y + 8} {x1 - step * 0.18} {y - 14} C{x1 - step * 0.16} {y - 26} {x1} {y - 26} {x1} {top + bow + 6}"
    d += f" L{left + width} {top} Z"
    canvas.save()
    canvas.translate(0, 5)
    canvas.drawPath(path(d), fill("#5b1030", 0.25, blur=5))
    canvas.restore()
    canvas.drawPath(path(d), fill(linear(left, 0, left + width, 0, "#ffffff", icing, icing, stops=[0, 0.4, 1])))
    canvas.drawOval(rect(left, top - ry, width, ry * 2), fill(linear(left, top - ry, left + width, top + ry, "#ffffff", icing, stops=[0, 0.9])))
    canvas.drawOval(rect(left + 8, top - ry + 4, width - 16, ry * 2 - 10), line("#ffffff", 3, 0.6))


def sprinkles(canvas, x, y, w, h, n, seed):
    rng = np.random.default_rng(seed)
    for _ in range(n):
        canvas.save()
        canvas.translate(x + rng.uniform(0, w), y + rng.uniform(0, h))
        canvas.rotate(rng.uniform(0, 180))
        rounded(canvas, -8, -2.6, 16, 5.2, 2.6, fill(PAPER[rng.integers(6)]))
        canvas.restore()


def balloon(canvas, x, y, r, hue, dark, end):
    canvas.drawPath(path(f"M{x} {y + r * 1.25} C{x - 40} {y + r * 2.2} {x + 50} {y + r * 2.8} {end[0]} {end[1]}"), line("#ffffff", 2, 0.5))
    shape = path(f"M{x} {y - r} C{x + r * 1.25} {y - r} {x + r * 1.05} {y + r * 0.55} {x} {y + r * 1.2} C{x - r * 1.05} {y + r * 0.55} {x - r * 1.25} {y - r} {x} {y - r} Z")
    canvas.drawPath(shape, fill(radial(x - r * 0.35, y - r * 0.45, r * 1.9, "#ffffff", hue, hue, dark, stops=[0, 0.22, 0.5, 1])))
    canvas.drawPath(path(f"M{x} {y + r * 1.17} L{x + 10} {y + r * 1.32} L{x - 10} {y + r * 1.32} Z"), fill(dark))
    canvas.drawOval(rect(x - r * 0.58, y - r * 0.72, r * 0.34, r * 0.5), fill("#ffffff", 0.55, blur=r * 0.06))


def room(canvas, w, h, top, bottom, seed, table):
    """A wall with lights out of focus and a table edge."""
    canvas.drawPaint(fill(linear(0, 0, 0, h, top, bottom)))
    canvas.drawCircle(w / 2, h * 0.42, 760, fill(radial(w / 2, h * 0.42, 760, "#ffd9b0a0", "#ffb0c000")))
    rng = np.random.default_rng(seed)
    for _ in range(60):
        bokeh(canvas, rng.uniform(0, w), rng.uniform(0, h * 0.72), rng.uniform(16, 70), ["#ffd9a0", "#ff9ecb", "#ffe9c9", "#c9a0ff"][rng.integers(4)], rng.uniform(0.08, 0.38))
    canvas.drawRect(rect(0, h * 0.8, w, h * 0.2), fill(linear(0, h * 0.8, 0, h, *table)))
    canvas.drawRect(rect(0, h * 0.8, w, 5), fill("#ffffff", 0.25))


def cake_picture():
    w, h = 1600, 900
    surf = surface(w, h)
    c = surf.getCanvas()
    room(c, w, h, "#5a1a5e", "#c2456e", 5, ("#f3d3c4", "#c98a86"))
    for b in ((190, 250, 96, "#ff7aa8", "#b3204f"), (330, 170, 78, "#ffd166", "#c98a12"), (86, 420, 70, "#7ad7f0", "#1f7f9e")):
        balloon(c, *b, (240, 760))
    for b in ((1410, 240, 98, "#b892ff", "#5c3aa8"), (1265, 160, 76, "#ff9e6d", "#c2501a"), (1520, 430, 68, "#7ae5a0", "#1f8f50")):
        balloon(c, *b, (1370, 760))
    shadow(c, 800, 800, 390, 34, 0.4, "#3b0a1e")
    c.drawOval(rect(430, 742, 740, 92), fill(linear(430, 0, 1170, 0, "#ffffff", "#e8c9d2", "#b78a9a")))
    c.drawOval(rect(452, 742, 696, 74), fill("#fff5f0"))
    tier(c, 800, 590, 560, 175, "#ffd9e4", "#d98aa6", "#ff8fb4")
    sprinkles(c, 560, 690, 480, 70, 46, 3)
    tier(c, 800, 432, 392, 140, "#fff3dc", "#dcb98c", "#fff0f5")
    sprinkles(c, 630, 510, 340, 50, 26, 4)
    tier(c, 800, 312, 240, 106, "#ffd9e4", "#d98aa6", "#ff8fb4")
    for x in range(-2, 3):
        hue = PAPER[(x + 2) % 5]
        candle(c, 800 + x * 46, 318 - 6 * (2 - abs(x)) + 8, 78, hue)
    for x, y in ((612, 424), (988, 424), (540, 584), (1060, 584), (660, 448), (940, 448)):
        c.drawCircle(x, y - 8, 19, fill(radial(x - 6, y - 15, 26, "#ffb3b3", "#e0244f", "#8f0f2e")))
        c.drawCircle(x - 6, y - 15, 4, fill("#ffffff", 0.8))
        c.drawPath(path(f"M{x} {y - 26} C{x + 4} {y - 46} {x + 16} {y - 52} {x + 24} {y - 54}"), line("#3f7d3a", 3))
    glow(c, 800, 230, 560, "#ffb060", 0.28)
    vignette(c, w, h, 0.55, "#1c0420")
    save(surf, "birthday/cake.png")


def gift_picture():
    """A present on the left; the right half is calm, for the words."""
    w, h = 1600, 900
    surf = surface(w, h)
    c = surf.getCanvas()
    room(c, w, h, "#241056", "#8a2f86", 9, ("#6a2a7c", "#2b0f46"))
    x, y, s = 200, 410, 420
    shadow(c, x + s / 2 + 20, y + s - 6, 280, 34, 0.55)
    c.drawRect(rect(x, y, s, s - 30), fill(linear(x, y, x + s, y + s, "#ff8fb4", "#ef476f", "#b3204f")))
    c.drawPath(path(f"M{x + s} {y} L{x + s + 90} {y - 34} L{x + s + 90} {y + s - 92} L{x + s} {y + s - 30} Z"), fill(linear(x + s, 0, x + s + 90, 0, "#a01d48", "#6f1034")))
    c.drawRect(rect(x + s / 2 - 38, y, 76, s - 30), fill(linear(x + s / 2 - 38, 0, x + s / 2 + 38, 0, "#ffe9a8", "#ffd166", "#e0a526")))
    c.drawPath(path(f"M{x + s + 32} {y - 12} L{x + s + 58} {y - 22} L{x + s + 58} {y + s - 70} L{x + s + 32} {y + s - 52} Z"), fill("#c08a1c"))
    lid = y - 84
    c.drawRect(rect(x - 22, lid, s + 44, 92), fill(linear(x, lid, x + s, lid + 92, "#ffa3c2", "#f2557d", "#c22a58")))
    c.drawPath(path(f"M{x + s + 22} {lid} L{x + s + 118} {lid - 36} L{x + s + 118} {lid + 50} L{x + s + 22} {lid + 92} Z"), fill(linear(x + s, 0, x + s + 118, 0, "#ad2350", "#7a1238")))
    c.drawPath(path(f"M{x - 22} {lid} L{x + 74} {lid - 36} L{x + s + 118} {lid - 36} L{x + s + 22} {lid} Z"), fill(linear(x, lid - 36, x + s, lid, "#ffc2d6", "#ff8fb4")))
    c.drawRect(rect(x - 22, lid + 92, s + 44, 18), fill(linear(0, lid + 92, 0, lid + 110, "#5b103080", "#5b103000")))
    c.drawRect(rect(x + s / 2 - 38, lid, 76, 92), fill(linear(x + s / 2 - 38, 0, x + s / 2 + 38, 0, "#ffefc0", "#ffd97a", "#e6ad30")))
    c.drawPath(path(f"M{x + s / 2 - 38} {lid} L{x + s / 2 + 50} {lid - 36} L{x + s / 2 + 126} {lid - 36} L{x + s / 2 + 38} {lid} Z"), fill("#ffe9a8"))
    bx, by = x + s / 2 + 40, lid - 20
    for side in (-1, 1):
        c.drawPath(path(f"M{bx} {by} C{bx + side * 30} {by + 30} {bx + side * 120} {by + 60} {bx + side * 150} {by + 96} L{bx + side * 108} {by + 104} C{bx + side * 80} {by + 60} {bx + side * 20} {by + 40} {bx} {by} Z"), fill(linear(bx, by, bx + side * 140, by + 90, "#e6ad30", "#ffd97a")))
        loop = path(f"M{bx} {by} C{bx + side * 60} {by - 150} {bx + side * 220} {by - 150} {bx + side * 190} {by - 50} C{bx + side * 170} {by + 10} {bx + side * 60} {by + 10} {bx} {by} Z")
        c.drawPath(loop, fill(linear(bx, by - 120, bx + side * 200, by, "#fff0c4", "#ffd166", "#cf9420")))
        inner = path(f"M{bx + side * 20} {by - 14} C{bx + side * 70} {by - 96} {bx + side * 160} {by - 108} {bx + side * 152} {by - 54} C{bx + side * 140} {by - 14} {bx + side * 60} {by - 6} {bx + side * 20} {by - 14} Z")
        c.drawPath(inner, fill(linear(bx, by - 100, bx + side * 150, by, "#a8700f", "#dba22c")))
    rounded(c, bx - 34, by - 38, 68, 62, 22, fill(radial(bx - 10, by - 22, 60, "#fff3d0", "#ffd166", "#d69a22")))
    rng = np.random.default_rng(12)
    for _ in range(90):
        px, py, z = rng.uniform(0, w), rng.uniform(0, h), rng.uniform(0.5, 1.4)
        if px > 760 and 170 < py < 740:
            continue
        c.save()
        c.translate(px, py)
        c.rotate(rng.uniform(0, 180))
        c.drawRect(rect(-10 * z, -4 * z, 20 * z, 8 * z), fill(PAPER[rng.integers(7)], 0.9))
        c.restore()
    glow(c, 420, 260, 480, "#ff9ecb", 0.25)
    vignette(c, w, h, 0.55, "#0c0220")
    save(surf, "birthday/gift.png")


if __name__ == "__main__":
    cake_picture()
    gift_picture()
    confetti_film()
