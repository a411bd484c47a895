#!/usr/bin/env python3
"""The four pictures of the template property: the house at dusk, the living room, the kitchen, the terrace by the water."""

import math

import numpy as np
from art import fill, glow, line, linear, path, radial, rect, rounded, save, shadow, surface, vignette

W, H = 1600, 900


def poly(canvas, points, paint):
    canvas.drawPath(path("M" + " L".join(f"{x} {y}" for x, y in points) + " Z"), paint)


def hills(canvas, base, height, seed, hue, w=W, bottom=H):
    rng = np.random.default_rng(seed)
    phases = rng.uniform(0, 6.28, 4)
    d = f"M0 {bottom}"
    for x in range(0, w + 41, 40):
        y = base - height * sum(math.sin(x * f / 1000 + p) / f**0.7 for f, p in zip((2.1, 4.7, 9.3, 17.0), phases)) * 0.6
        d += f" L{x} {y}"
    canvas.drawPath(path(d + f" L{w} {bottom} Z"), fill(hue))


def foliage(canvas, x, y, r, seed, dark, light):
    """A crown of leaves: dark clumps first, lit ones above and to the left."""
    rng = np.random.default_rng(seed)
    for layer in range(3):
        hue = (dark, dark, light)[layer]
        for _ in range(26):
            angle, reach = rng.uniform(0, 6.28), r * math.sqrt(rng.uniform(0, 1)) * (1, 0.85, 0.62)[layer]
            px, py = x + reach * math.cos(angle) - layer * r * 0.1, y + reach * 0.8 * math.sin(angle) - layer * r * 0.12
            size = r * rng.uniform(0.12, 0.26)
            canvas.drawCircle(px, py, size, fill(hue, (1, 0.8, 0.5)[layer]))


def tree(canvas, x, base, height, seed, dark="#1d3b34", light="#3f6b4c"):
    canvas.drawPath(path(f"M{x - 9} {base} L{x - 4} {base - height * 0.6} L{x + 5} {base - height * 0.6} L{x + 10} {base} Z"), fill("#2a1f24"))
    foliage(canvas, x, base - height * 0.68, height * 0.36, seed, dark, light)


def cypress(canvas, x, base, height, hue="#17332f", light="#2f5a4a"):
    d = f"M{x} {base - height} C{x + height * 0.11} {base - height * 0.6} {x + height * 0.12} {base - height * 0.15} {x} {base} C{x - height * 0.12} {base - height * 0.15} {x - height * 0.11} {base - height * 0.6} {x} {base - height} Z"
    canvas.drawPath(path(d), fill(linear(x - height * 0.1, 0, x + height * 0.1, 0, light, hue)))


def lit_window(canvas, x, y, w, h, panes=2, seed=0):
    """A pane of warm light with something of the room behind it."""
    canvas.drawRect(rect(x, y, w, h), fill(linear(x, y, x, y + h, "#ffd98a", "#ffc46b", "#e8954a")))
    canvas.drawRect(rect(x, y, w, h), fill(radial(x + w * 0.5, y + h * 0.2, max(w, h) * 0.7, "#fff6d8", "#fff6d800")))
    canvas.save()
    canvas.clipRect(rect(x, y, w, h))
    rng = np.random.default_rng(seed)
    canvas.drawRect(rect(x, y + h * 0.82, w, h * 0.2), fill("#a8622f", 0.55))
    for _ in range(max(1, int(w / 120))):
        px = x + rng.uniform(0.1, 0.8) * w
        rounded(canvas, px, y + h * 0.64, 78, h * 0.2, 8, fill("#8a4a2a", 0.6))
        canvas.drawLine(px + 100, y, px + 100, y + h * 0.22, line("#7a4a2a", 2, 0.7))
        canvas.drawCircle(px + 100, y + h * 0.25, 10, fill("#fffbe8"))
    for side in (0, 1):
        cx = x + side * (w - w * 0.07)
        canvas.drawRect(rect(cx, y, w * 0.07, h), fill("#fff1d0", 0.55))
    canvas.restore()
    for i in range(panes + 1):
        canvas.drawRect(rect(x + i * w / panes - 3, y, 6, h), fill("#22202c"))
    canvas.drawRect(rect(x - 3, y - 3, w + 6, 6), fill("#22202c"))
    canvas.drawRect(rect(x - 3, y + h - 3, w + 6, 6), fill("#22202c"))


def exterior():
    surf = surface(W, H)
    c = surf.getCanvas()
    c.drawPaint(fill(linear(0, 0, 0, 640, "#1f2a5c", "#54407f", "#c0617f", "#ff9f6b", "#ffd59a", stops=[0, 0.35, 0.65, 0.86, 1])))
    rng = np.random.default_rng(4)
    for _ in range(70):
        c.drawCircle(rng.uniform(0, W), rng.uniform(0, 260), rng.uniform(0.6, 1.7), fill("#ffffff", rng.uniform(0.2, 0.8)))
    for x, y, s, a in ((220, 300, 1.2, 0.5), (980, 210, 1.0, 0.38), (1380, 340, 1.3, 0.5), (620, 400, 0.9, 0.4)):
        for dx, dy, rx, ry in ((0, 0, 150, 10), (-70, -10, 90, 9), (60, -14, 110, 9), (20, 10, 130, 7)):
            c.drawOval(rect(x + dx * s - rx * s, y + dy * s - ry * s, 2 * rx * s, 2 * ry * s), fill("#ffb3a0", a, blur=5))
    hills(c, 560, 46, 2, "#6d4a7c")
    hills(c, 606, 34, 8, "#4a3a66")
    hills(c, 640, 20, 5, "#2f3250")
    for x, h in ((60, 250), (130, 310), (1500, 300), (1570, 250)):
        cypress(c, x, 690, h)
    tree(c, 230, 700, 330, 3)
    tree(c, 1400, 700, 380, 6)
    # Lawn and drive
    c.drawRect(rect(0, 672, W, H - 672), fill(linear(0, 672, 0, H, "#3e5a44", "#1f3a30", "#122620")))
    poly(c, [(700, 690), (860, 690), (1240, H), (500, H)], fill(linear(0, 690, 0, H, "#b08a86", "#6a566a")))
    for i in range(1, 7):
        y = 690 + (H - 690) * (i / 7) ** 1.6
        half = 80 + (y - 690) / (H - 690) * 290
        mid = 780 + (y - 690) / (H - 690) * 90
        c.drawLine(mid - half, y, mid + half, y, line("#4a3a50", 2, 0.5))
    # The upper floor juts out over the ground floor.
    shadow(c, 800, 694, 560, 16, 0.5)
    c.drawRect(rect(330, 470, 900, 222), fill(linear(330, 0, 1230, 0, "#d9c9bd", "#b8a49f", "#8a7a86")))
    for i in range(23):  # timber cladding by the door
        c.drawRect(rect(836 + i * 9, 470, 7, 222), fill(linear(0, 470, 0, 692, "#6d4030", "#9a5f3f")))
    lit_window(c, 372, 506, 424, 180, 4, 2)
    c.drawRect(rect(872, 520, 92, 172), fill(linear(872, 0, 964, 0, "#3a2530", "#241a26")))
    c.drawRect(rect(944, 590, 5, 44), fill("#e8c48a"))
    lit_window(c, 976, 520, 34, 172, 1, 3)
    c.drawRect(rect(1052, 530, 160, 162), fill(linear(1052, 0, 1212, 0, "#4a4250", "#36303e")))
    for i in range(5):
        c.drawRect(rect(1052, 530 + i * 33, 160, 3), fill("#241f2c"))
    c.drawRect(rect(270, 262, 760, 210), fill(linear(270, 262, 1030, 472, "#ffffff", "#efe2da", "#c9b6b6")))
    c.drawRect(rect(270, 456, 760, 16), fill("#9a8a90"))
    c.drawRect(rect(330, 472, 700, 30), fill(linear(0, 472, 0, 502, "#1a122680", "#1a122600")))
    lit_window(c, 320, 300, 300, 140, 3, 5)
    lit_window(c, 690, 300, 130, 140, 1, 6)
    lit_window(c, 866, 300, 118, 140, 1, 7)
    for x in range(1036, 1232, 14):  # roof terrace
        c.drawLine(x, 408, x, 470, line("#e8dcd8", 2, 0.6))
    c.drawRect(rect(1030, 404, 206, 5), fill("#f4ebe6"))
    c.drawRect(rect(1026, 462, 214, 12), fill("#a8989c"))
    poly(c, [(240, 240), (1064, 240), (1064, 266), (240, 266)], fill(linear(0, 240, 0, 266, "#3a3446", "#241f30")))
    c.drawRect(rect(900, 150, 62, 92), fill(linear(900, 0, 962, 0, "#a58a80", "#6d5a62")))
    c.drawRect(rect(892, 142, 78, 12), fill("#3a3446"))
    for x, y, r in ((584, 700, 420), (900, 690, 260), (480, 440, 300), (1060, 500, 140)):
        glow(c, x, y, r, "#ffb060", 0.20)
    # Light that falls on the lawn, lamps, hedges, a pool's edge in front.
    poly(c, [(372, 692), (796, 692), (900, 780), (270, 780)], fill(linear(0, 692, 0, 780, "#ffd08a60", "#ffd08a00")))
    for x in (560, 640, 1000, 1120, 450, 1260):
        y = 760 if x in (640, 1000) else 830 if x in (560, 1120) else 730
        c.drawRect(rect(x - 3, y - 30, 6, 30), fill("#1a1622"))
        glow(c, x, y - 32, 90, "#ffc070", 0.8)
        c.drawCircle(x, y - 33, 6, fill("#fff3d0"))
    for x, r, s in ((290, 60, 11), (350, 46, 12), (1240, 60, 13), (1300, 74, 14), (220, 70, 15), (1380, 56, 16)):
        foliage(c, x, 690, r * 0.8, s, "#1c3a30", "#4a7a50")
    foliage(c, 60, 900, 190, 31, "#0f221e", "#1f4436")
    foliage(c, 1560, 905, 200, 32, "#0f221e", "#1f4436")
    vignette(c, W, H, 0.5, "#0a0618")
    save(surf, "property/exterior.png")


def floorboards(c, top, hue_far, hue_near, seed):
    c.drawRect(rect(0, top, W, H - top), fill(linear(0, top, 0, H, hue_far, hue_near)))
    for i in range(-14, 31):
        c.drawLine(W / 2 + (i * 100 - W / 2) * 0.45, top, W / 2 + (i * 100 - W / 2) * 1.5, H, line("#3a2014", 2, 0.22))
    rng = np.random.default_rng(seed)
    for _ in range(60):
        y = top + (H - top) * rng.uniform(0, 1)
        x = rng.uniform(0, W)
        c.drawLine(x, y, x + rng.uniform(20, 70), y, line("#3a2014", 1.5, 0.15))


def sea_view(c, x, y, w, h, horizon=0.56):
    c.save()
    c.clipRect(rect(x, y, w, h))
    c.drawRect(rect(x, y, w, h), fill(linear(0, y, 0, y + h * horizon, "#6fb7e8", "#bfe3f5", "#fff1d8")))
    for cx, cy, s in ((0.2, 0.2, 1), (0.62, 0.13, 1.3), (0.86, 0.3, 0.8)):
        for dx, dy, r in ((0, 0, 26), (30, -10, 34), (64, -2, 28), (96, 4, 20), (-26, 6, 18)):
            c.drawCircle(x + w * cx + dx * s, y + h * cy + dy * s, r * s, fill("#ffffff", 0.75, blur=5))
    c.save()
    c.translate(x, y + h * horizon - 600)
    hills(c, 596, 26, 12, "#8fb3c0", bottom=612)
    hills(c, 606, 16, 21, "#6d97a0", bottom=614)
    c.restore()
    top = y + h * horizon
    c.drawRect(rect(x, top, w, h), fill(linear(0, top, 0, y + h, "#5fb0c9", "#2f86a8", "#1f6a8c")))
    rng = np.random.default_rng(8)
    for _ in range(90):
        yy = top + (y + h - top) * rng.uniform(0, 1) ** 1.4
        xx = x + rng.uniform(0, w)
        c.drawLine(xx, yy, xx + rng.uniform(10, 46), yy, line("#ffffff", 1.6, rng.uniform(0.1, 0.45)))
    c.restore()


def lamp(c, x, y, drop, r=46, shade="#2a2a34", light=0.4):
    c.drawLine(x, 0, x, y, line("#2a2630", 3))
    glow(c, x, y + 30, r * 3, "#ffc878", light)
    c.drawPath(path(f"M{x - r} {y + drop} C{x - r} {y} {x + r} {y} {x + r} {y + drop} Z"), fill(linear(x - r, 0, x + r, 0, "#5a5666", shade)))
    c.drawOval(rect(x - r, y + drop - 7, 2 * r, 14), fill("#fff0c4"))


def plant(c, x, base, height, seed, pot="#d98a63"):
    rng = np.random.default_rng(seed)
    for i in range(15):
        lean = (i - 7) / 7 * height * 0.42 + rng.uniform(-14, 14)
        top = base - height * rng.uniform(0.62, 1.0) + abs(lean) * 0.5
        mid = (x + lean * 0.2, base - height * 0.5)
        hue = ("#2f6b4a", "#3f8a5a", "#245a40", "#57a06a")[rng.integers(4)]
        c.drawPath(path(f"M{x} {base - 50} Q{mid[0] - 12} {mid[1]} {x + lean} {top} Q{mid[0] + 26} {mid[1] + 20} {x + 6} {base - 50} Z"), fill(hue))
    c.drawPath(path(f"M{x - 48} {base - 78} L{x + 48} {base - 78} L{x + 36} {base} L{x - 36} {base} Z"), fill(linear(x - 48, 0, x + 48, 0, "#f0b08a", pot, "#a85a3a")))
    rounded(c, x - 53, base - 90, 106, 18, 5, fill(linear(x - 53, 0, x + 53, 0, "#f7c4a2", pot, "#b0643f")))


def cushion(c, x, y, s, hue, dark, turn):
    c.save()
    c.translate(x, y)
    c.rotate(turn)
    c.drawPath(path(f"M{-s} {-s} Q0 {-s * 0.86} {s} {-s} Q{s * 0.88} 0 {s} {s} Q0 {s * 0.88} {-s} {s} Q{-s * 0.88} 0 {-s} {-s} Z"), fill(linear(-s, -s, s, s, hue, dark)))
    c.restore()


def living():
    surf = surface(W, H)
    c = surf.getCanvas()
    c.drawPaint(fill(linear(0, 0, W, 0, "#f3e9df", "#efe3d6", "#dccabc")))
    c.drawRect(rect(0, 0, W, 64), fill(linear(0, 0, 0, 64, "#fffaf4", "#efe4d8")))
    floorboards(c, 640, "#c08f64", "#8a5a3a", 3)
    # The window wall
    sea_view(c, 560, 110, 900, 500)
    for i in range(4):
        c.drawRect(rect(560 + i * 300 - 6, 104, 12, 512), fill("#2f2c36"))
    c.drawRect(rect(554, 100, 912, 12), fill("#2f2c36"))
    c.drawRect(rect(554, 606, 912, 14), fill("#2f2c36"))
    for x, way in ((470, 1), (1440, -1)):
        for i in range(7):
            c.drawRect(rect(x + i * 18, 84, 18, 560), fill(linear(x + i * 18, 0, x + i * 18 + 18, 0, "#fffaf2", "#dccfc2"), 0.95))
    c.drawRect(rect(440, 76, 1160, 8), fill("#6d5a4a"))
    for i in range(3):  # sunlight on the floor
        x = 600 + i * 290
        poly(c, [(x, 650), (x + 250, 650), (x + 70, H), (x - 240, H)], fill(linear(0, 650, 0, H, "#fff0c860", "#fff0c810")))
    # Left wall: a picture and shelves
    for x, y, w, h in ((90, 170, 300, 220),):
        rounded(c, x + 8, y + 12, w, h, 2, fill("#3a2a20", 0.25, blur=10))
        c.drawRect(rect(x, y, w, h), fill("#2f2c36"))
        c.drawRect(rect(x + 10, y + 10, w - 20, h - 20), fill("#fbf6ee"))
        c.save()
        c.clipRect(rect(x + 34, y + 34, w - 68, h - 68))
        c.drawCircle(x + 190, y + 90, 48, fill("#f2a65a"))
        c.drawPath(path(f"M{x} {y + h} L{x} {y + 140} Q{x + 80} {y + 90} {x + 160} {y + 140} Q{x + 240} {y + 180} {x + 320} {y + 120} L{x + 320} {y + h} Z"), fill("#3f7f86"))
        c.drawPath(path(f"M{x} {y + h} L{x} {y + 170} Q{x + 110} {y + 130} {x + 190} {y + 170} Q{x + 260} {y + 196} {x + 320} {y + 170} L{x + 320} {y + h} Z"), fill("#1f4f5c"))
        c.restore()
    # Rug, sofa, table
    c.drawOval(rect(190, 726, 1160, 170), fill(linear(0, 726, 0, 896, "#efe6dc", "#d9cbbd")))
    c.drawOval(rect(230, 736, 1080, 148), line("#b58a6a", 5, 0.5))
    shadow(c, 560, 780, 440, 22, 0.4, "#2a1408")
    rounded(c, 160, 500, 800, 190, 34, fill(linear(0, 500, 0, 690, "#5f8a94", "#3f6a76")))
    for x in (190, 450, 706):
        rounded(c, x, 520, 248 if x < 700 else 226, 150, 24, fill(linear(0, 520, 0, 670, "#76a2ab", "#4f7c88")))
    rounded(c, 180, 640, 760, 112, 26, fill(linear(0, 640, 0, 752, "#7fabb3", "#4a7480")))
    c.drawLine(560, 652, 560, 742, line("#35606c", 4, 0.6))
    for x in (116, 912):
        rounded(c, x, 568, 92, 192, 36, fill(linear(x, 0, x + 92, 0, "#6d9aa4", "#446e7a")))
    for x in (150, 950):
        c.drawRect(rect(x, 758, 14, 30), fill("#5a3a24"))
    cushion(c, 262, 612, 56, "#ffb86b", "#d97f3a", -12)
    cushion(c, 346, 622, 48, "#fff6ea", "#d9c6b0", 10)
    cushion(c, 846, 614, 54, "#f08a6a", "#bf5238", 12)
    shadow(c, 980, 856, 210, 14, 0.4, "#2a1408")
    for x in (830, 1130):
        c.drawPath(path(f"M{x} 800 L{x + 14} 800 L{x + (4 if x > 900 else -4) + 10} 856 L{x + (4 if x > 900 else -4)} 856 Z"), fill("#5a3a24"))
    c.drawOval(rect(780, 770, 410, 58), fill("#6d4528"))
    c.drawOval(rect(780, 760, 410, 58), fill(linear(780, 760, 1190, 818, "#d9a574", "#a8713f")))
    rounded(c, 880, 768, 120, 18, 4, fill("#f4ece2"))
    rounded(c, 890, 754, 104, 16, 4, fill("#3f7f86"))
    c.drawPath(path("M1060 786 C1044 760 1048 738 1066 728 L1094 728 C1112 738 1116 760 1100 786 Z"), fill(linear(1046, 0, 1114, 0, "#ffffff", "#d8c9bd")))
    for i in range(7):
        dx = (i - 3) * 15
        c.drawLine(1080, 730, 1080 + dx, 672 - (i % 3) * 16, line("#4f8a5a", 3))
        c.drawCircle(1080 + dx, 668 - (i % 3) * 16, 11, fill(("#f08a6a", "#ffd9a0", "#e8607a")[i % 3]))
    plant(c, 1390, 800, 380, 4)
    # An arc lamp
    c.drawPath(path("M64 770 C40 420 120 250 330 430"), line("#2a2630", 6))
    c.drawOval(rect(20, 758, 90, 20), fill("#2a2630"))
    glow(c, 330, 480, 220, "#ffc878", 0.45)
    c.drawPath(path("M282 478 C284 420 376 420 378 478 Z"), fill(linear(282, 0, 378, 0, "#f7d08a", "#c9903f")))
    c.drawPath(path("M560 104 L1460 104 L1100 900 L100 900 Z"), fill(linear(1200, 104, 500, 900, "#fff3d030", "#fff3d000")))
    vignette(c, W, H, 0.35, "#2a1408")
    save(surf, "property/living.png")


def kitchen():
    surf = surface(W, H)
    c = surf.getCanvas()
    c.drawPaint(fill(linear(0, 0, W, 0, "#f5efe8", "#efe6dc", "#e0d3c7")))
    c.drawRect(rect(0, 0, W, 60), fill(linear(0, 0, 0, 60, "#ffffff", "#efe8e0")))
    floorboards(c, 690, "#b98f6a", "#7f5638", 6)
    # Back wall: tiles, worktop, cabinets
    for row in range(9):
        for column in range(26):
            x, y = 120 + column * 56 - (row % 2) * 28, 268 + row * 26
            tint = ("#eaf1ec", "#dfe9e4", "#f2f5f0")[(row * 7 + column * 5) % 3]
            if 96 < x < 1450:
                c.drawRect(rect(x, y, 53, 23), fill(tint))
    for x in (120, 268, 416):
        rounded(c, x, 90, 142, 172, 4, fill(linear(0, 90, 0, 262, "#2f5a54", "#21443f")))
        c.drawRect(rect(x + 62, 238, 24, 5), fill("#e0b060"))
    sea_view(c, 620, 110, 420, 300, 0.6)
    for x in (612, 822, 1032):
        c.drawRect(rect(x, 104, 14, 312), fill("#f9f5ef"))
    for y in (102, 408):
        c.drawRect(rect(606, y, 446, 14), fill("#f9f5ef"))
    c.drawRect(rect(596, 420, 466, 12), fill("#d8c9ba"))
    for x, s in ((650, 1), (1000, 2)):
        c.save()
        c.translate(x, 422)
        c.scale(0.42, 0.42)
        plant(c, 0, 0, 300, s, "#e8e0d6")
        c.restore()
    # Hood and stove
    c.drawPath(path("M1150 60 L1270 60 L1280 200 L1350 262 L1070 262 L1140 200 Z"), fill(linear(1070, 0, 1350, 0, "#f2f2f0", "#c8c8c6", "#9a9a98")))
    c.drawRect(rect(1070, 262, 280, 14), fill("#7f7f7d"))
    c.drawRect(rect(1180, 276, 60, 6), fill("#fff6d8"))
    glow(c, 1210, 330, 180, "#ffdca0", 0.16)
    c.drawRect(rect(96, 492, 1360, 22), fill(linear(0, 492, 0, 514, "#ffffff", "#cfc6bd")))
    for i in range(9):
        x = 100 + i * 150
        if i == 7:
            c.drawRect(rect(x, 514, 146, 186), fill(linear(0, 514, 0, 700, "#3a3a40", "#222226")))
            rounded(c, x + 14, 560, 118, 100, 6, fill(linear(0, 560, 0, 660, "#1a1a1e", "#4a3020")))
            c.drawRect(rect(x + 14, 542, 118, 6), fill("#d8d8d6"))
            continue
        rounded(c, x, 514, 146, 186, 3, fill(linear(0, 514, 0, 700, "#2f5a54", "#1c3b37")))
        rounded(c, x + 10, 526, 126, 162, 3, line("#48776f", 2, 0.8))
        c.drawRect(rect(x + 58, 536, 30, 5), fill("#e0b060"))
    c.drawPath(path("M1170 492 L1176 440 L1262 440 L1268 492 Z"), fill(linear(1170, 0, 1268, 0, "#f08a6a", "#b0452f")))
    rounded(c, 1164, 430, 110, 14, 7, fill("#d9694a"))
    c.drawPath(path("M780 492 L780 440 Q780 410 812 410 Q842 410 842 440"), line("#c9903f", 9))
    for i, hue in enumerate(("#f2dcc0", "#d9a574", "#a8713f")):
        rounded(c, 180 + i * 62, 424 + i * 12, 50, 68 - i * 12, 8, fill(linear(180 + i * 62, 0, 230 + i * 62, 0, hue, "#8a5a34")))
    # Refrigerator at the right
    rounded(c, 1456, 110, 150, 600, 6, fill(linear(1456, 0, 1600, 0, "#dcdcda", "#b5b5b3")))
    c.drawLine(1456, 380, 1600, 380, line("#7f7f7d", 4))
    c.drawRect(rect(1474, 300, 7, 60), fill("#6d6d6b"))
    c.drawRect(rect(1474, 400, 7, 110), fill("#6d6d6b"))
    # Island
    shadow(c, 760, 878, 560, 26, 0.5, "#2a1408")
    c.drawRect(rect(270, 660, 980, 216), fill(linear(270, 0, 1250, 0, "#faf6f0", "#efe6dc", "#d5c6b8")))
    for i in range(1, 5):
        c.drawLine(270 + i * 196, 676, 270 + i * 196, 876, line("#c9b8a8", 3))
    c.drawPath(path("M290 588 L1230 588 L1290 640 L230 640 Z"), fill(linear(230, 588, 1290, 640, "#ffffff", "#f2ece6", "#dcd2c8")))
    c.drawPath(path("M400 590 C520 620 640 596 760 634 M900 590 C960 612 1060 606 1130 640"), line("#b8aca2", 2, 0.7))
    c.drawRect(rect(230, 640, 1060, 22), fill(linear(0, 640, 0, 662, "#e6ddd3", "#b8aa9c")))
    for x in (420, 640, 860, 1080):  # stools
        rounded(c, x - 50, 738, 100, 24, 12, fill(linear(0, 738, 0, 762, "#d9935a", "#a8632f")))
        for dx in (-34, 34):
            c.drawPath(path(f"M{x + dx * 0.8} 760 L{x + dx * 1.35} 886"), line("#3a2418", 7))
        c.drawLine(x - 40, 830, x + 40, 830, line("#3a2418", 5))
    c.drawOval(rect(520, 592, 220, 40), fill("#cfc2b4"))
    c.drawPath(path("M530 584 C540 634 720 634 730 584 Z"), fill(linear(530, 0, 730, 0, "#5f8a94", "#35606c")))
    for x, y, r, hue in ((575, 580, 27, "#f2a03a"), (625, 568, 29, "#e8604a"), (678, 580, 26, "#ffc24a"), (604, 552, 24, "#9ac24a"), (655, 550, 23, "#f2a03a")):
        c.drawCircle(x, y, r, fill(radial(x - r * 0.3, y - r * 0.3, r * 1.4, "#fff3d0", hue, hue, stops=[0, 0.35, 1])))
    c.drawPath(path("M530 584 C540 634 720 634 730 584 C680 600 580 600 530 584 Z"), fill(linear(530, 0, 730, 0, "#6d9aa4", "#3f6a76")))
    for x in (930, 990):
        c.drawPath(path(f"M{x} 622 L{x} 590 M{x - 16} 540 C{x - 16} 586 {x + 16} 586 {x + 16} 540"), line("#ffffff", 3, 0.9))
        c.drawOval(rect(x - 18, 616, 36, 9), fill("#ffffff", 0.7))
        c.drawPath(path(f"M{x - 14} 560 C{x - 12} 584 {x + 12} 584 {x + 14} 560 Z"), fill("#b0304a", 0.85))
    for x in (500, 760, 1020):
        lamp(c, x, 150, 58, 52, "#c9903f", 0.15)
    c.drawPath(path("M620 110 L1040 110 L900 900 L200 900 Z"), fill(linear(800, 110, 500, 900, "#fff6d824", "#fff6d800")))
    vignette(c, W, H, 0.35, "#2a1408")
    save(surf, "property/kitchen.png")


def terrace():
    surf = surface(W, H)
    c = surf.getCanvas()
    c.drawPaint(fill(linear(0, 0, 0, 470, "#2f3f86", "#8a5a9c", "#f0807a", "#ffc07a", stops=[0, 0.4, 0.75, 1])))
    c.drawCircle(1040, 420, 62, fill(linear(0, 358, 0, 482, "#fff3c0", "#ffb04a")))
    glow(c, 1040, 420, 460, "#ff9a5a", 0.55)
    for x, y, s in ((260, 180, 1.4), (760, 120, 1.1), (1330, 220, 1.5), (560, 300, 1.0)):
        for dx, dy, rx, ry in ((0, 0, 160, 11), (-80, -12, 90, 9), (70, -14, 120, 9), (10, 12, 140, 8)):
            c.drawOval(rect(x + (dx - rx) * s, y + (dy - ry) * s, 2 * rx * s, 2 * ry * s), fill("#ffc9a8", 0.5, blur=6))
    c.save()
    hills(c, 462, 40, 3, "#7a5590", bottom=480)
    hills(c, 474, 22, 9, "#5a4078", bottom=484)
    c.restore()
    c.drawRect(rect(0, 476, W, 160), fill(linear(0, 476, 0, 636, "#f0a080", "#b0608a", "#4a4a86")))
    rng = np.random.default_rng(5)
    for _ in range(240):
        y = 478 + 150 * rng.uniform(0, 1)
        spread = 60 + (y - 478) * 1.4
        x = rng.normal(1040, spread) if rng.uniform() < 0.6 else rng.uniform(0, W)
        c.drawLine(x, y, x + rng.uniform(10, 60), y, line("#ffe0a8", 2, rng.uniform(0.15, 0.7)))
    # Pool with an edge that meets the sea
    poly(c, [(0, 612), (W, 612), (W, H), (0, H)], fill(linear(0, 612, 0, H, "#c9a890", "#8a6a66")))
    poly(c, [(330, 618), (1600, 618), (1600, 800), (140, 800)], fill(linear(0, 618, 0, 800, "#ffb890", "#6fb0c0", "#1f86a8")))
    for _ in range(130):
        y = 622 + 172 * rng.uniform(0, 1)
        x = rng.uniform(330 - (y - 618), W)
        c.drawLine(x, y, x + rng.uniform(16, 80), y, line("#ffffff", 2, rng.uniform(0.08, 0.4)))
    poly(c, [(140, 800), (1600, 800), (1600, 822), (120, 822)], fill("#f4e6da"))
    poly(c, [(330, 618), (318, 618), (120, 822), (140, 800)], fill("#f4e6da"))
    for i in range(1, 9):
        c.drawLine(i * 210 - 90, 824, i * 230 - 180, H, line("#5a4048", 2, 0.4))
    # Two loungers and a parasol
    for x in (90, 330):
        shadow(c, x + 130, 880, 150, 12, 0.45)
        c.drawPath(path(f"M{x + 60} 820 L{x + 250} 820 L{x + 250} 842 L{x + 60} 842 Z"), fill(linear(0, 820, 0, 842, "#ffffff", "#e0cfc6")))
        c.drawPath(path(f"M{x + 70} 824 L{x - 20} 738 L{x + 2} 726 L{x + 96} 820 Z"), fill(linear(x - 20, 726, x + 96, 824, "#ffffff", "#e8d8ce")))
        c.drawPath(path(f"M{x - 6} 750 L{x + 30} 786 L{x + 46} 774 L{x + 10} 738 Z"), fill("#ff8a6a"))
        for dx in (74, 238):
            c.drawRect(rect(x + dx, 840, 8, 38), fill("#5a3a2a"))
    c.drawRect(rect(296, 470, 8, 410), fill("#f4ebe2"))
    for i in range(6):
        x0, x1 = 60 + i * 80, 60 + (i + 1) * 80
        c.drawPath(path(f"M300 420 L{x0} 520 Q{(x0 + x1) / 2} 544 {x1} 520 Z"), fill(("#fff8f0", "#ff8a6a")[i % 2]))
    c.drawPath(path("M300 420 L60 520 Q100 544 140 520 Q180 544 220 520 Q260 544 300 520 Q340 544 380 520 Q420 544 460 520 Q500 544 540 520 Z"), fill(linear(60, 0, 540, 0, "#ffffff20", "#5a103040")))
    # The house's wing on the right and a string of lights
    poly(c, [(1290, 250), (1600, 210), (1600, 650), (1290, 620)], fill(linear(1290, 0, 1600, 0, "#fff3e8", "#d9b8b0")))
    poly(c, [(1330, 310), (1600, 284), (1600, 622), (1330, 606)], fill(linear(1330, 310, 1600, 620, "#ffe0a0", "#ffb860", "#d9884a")))
    for x in (1330, 1420, 1520):
        c.drawRect(rect(x - 4, 300 - (x - 1330) * 0.08, 8, 312), fill("#2f2430"))
    poly(c, [(1250, 222), (1600, 172), (1600, 214), (1250, 254)], fill("#3a2a3a"))
    glow(c, 1440, 480, 330, "#ffb860", 0.3)
    c.drawPath(path("M0 150 Q400 330 800 190 Q1040 130 1260 240"), line("#2a1a30", 3))
    for i in range(22):
        u = i / 21
        x = 1260 * u
        y = (150 * (1 - v) ** 2 + 660 * v * (1 - v) + 190 * v * v) if (v := x / 800) <= 1 else (190 * (1 - (v := (x - 800) / 460)) ** 2 + 260 * v * (1 - v) + 240 * v * v)
        glow(c, x, y + 10, 44, "#ffc870", 0.8)
        c.drawCircle(x, y + 10, 6, fill("#fff6d8"))
    foliage(c, 1560, 900, 130, 41, "#1c2f30", "#3f6a50")
    foliage(c, 1420, 920, 90, 42, "#1c2f30", "#3f6a50")
    vignette(c, W, H, 0.45, "#140420")
    save(surf, "property/terrace.png")


if __name__ == "__main__":
    exterior()
    living()
    kitchen()
    terrace()
