#!/usr/bin/env python3
"""The picture and footage of the template offer: a trainer, cut out, and a backdrop of soft moving shapes (9:16)."""

import math

import skia
from art import fill, film, line, linear, path, radial, rounded, save, shadow, surface, vignette

W, H = 720, 1280


def backdrop():
    """Twelve seconds that end as they began: ribbons of colour turning behind a bright disc."""

    def ribbon(canvas, t, base, swing, turns, phase, hues, alpha):
        top, bottom = [], []
        for i in range(25):
            x = -40 + i * (W + 80) / 24
            wave = math.sin(i * 0.21 * turns + phase + 2 * math.pi * t / 12) + 0.4 * math.sin(i * 0.13 - phase + 4 * math.pi * t / 12)
            top.append((x, base + swing * wave))
            bottom.append((x, base + 190 + swing * 0.8 * math.sin(i * 0.17 * turns + phase + 1 + 2 * math.pi * t / 12)))
        shape = skia.Path()
        shape.addPoly([skia.Point(*p) for p in top + bottom[::-1]], True)
        canvas.drawPath(shape, fill(linear(0, base - swing, W, base + 190 + swing, *hues), alpha))

    def draw(canvas, t):
        canvas.drawPaint(fill(linear(0, 0, W * 0.3, H, "#ff7a3d", "#ff4d6d", "#7a1fa2", stops=[0, 0.5, 1])))
        ribbon(canvas, t, 130, 60, 1.0, 0.0, ("#ffb34d", "#ff6b5e"), 0.55)
        ribbon(canvas, t, 880, 70, 0.8, 2.1, ("#c2185b", "#5e1a9c"), 0.55)
        ribbon(canvas, t, 1060, 55, 1.2, 4.0, ("#8e24aa", "#3d1273"), 0.75)
        pulse = 1 + 0.015 * math.sin(2 * math.pi * t / 3)
        cx, cy = W / 2, 590
        canvas.save()
        canvas.translate(cx, cy)
        canvas.rotate(360 * t / 12 / 6)
        for i in range(24):
            canvas.rotate(15)
            canvas.drawPath(path("M-26 -300 L26 -300 L60 -900 L-60 -900 Z"), fill(linear(0, -300, 0, -820, "#ffffff2c", "#ffffff00")))
        canvas.restore()
        canvas.drawCircle(cx, cy, 330 * pulse, fill(radial(cx, cy, 330 * pulse, "#ffffff00", "#ffffff20")))
        canvas.drawCircle(cx, cy, 262 * pulse, fill(linear(cx, cy - 262, cx, cy + 262, "#fff6e0", "#ffd9a8", "#ffb56b")))
        canvas.drawCircle(cx, cy, 292 * pulse, line("#ffffff", 3, 0.6))
        for i in range(9):
            angle = 2 * math.pi * (i / 9 + t / 36 * 3)
            radius = 330 + 26 * (i % 3)
            canvas.drawCircle(cx + radius * math.cos(angle), cy + radius * math.sin(angle), 5 + 4 * (i % 3), fill(("#ffe08a", "#ffffff", "#7ef0ff")[i % 3], 0.9))
        vignette(canvas, W, H, 0.35, "#2a0033")

    film("offer/backdrop.mp4", W, H, 12, draw, crf=21)


def trainer():
    """A running shoe from the side, heel on the left, 1200 x 760 with transparency."""
    surf = surface(1200, 760)
    c = surf.getCanvas()
    c.translate(0, 40)
    shadow(c, 600, 648, 480, 30, 0.35, "#3a0a20")
    # Sole: a foam midsole with a rocker, and rubber below.
    outsole = path("M118 566 C112 622 150 640 220 642 C420 650 760 650 930 640 C1030 634 1110 600 1128 552 L1118 540 C1060 590 980 600 900 604 L240 600 C170 598 140 590 130 556 Z")
    c.drawPath(outsole, fill(linear(100, 560, 1130, 640, "#1b1b3a", "#3a2a6a", "#1b1b3a")))
    foam = path("M120 470 C96 520 104 586 160 600 C300 616 760 618 910 608 C1020 600 1108 570 1132 520 C1140 500 1128 486 1100 484 C980 500 860 520 700 520 C500 520 330 470 240 452 C190 444 138 444 120 470 Z")
    c.drawPath(foam, fill(linear(0, 450, 0, 612, "#ffffff", "#fbf3ea", "#d9c7bd", stops=[0, 0.55, 1])))
    c.save()
    c.clipPath(foam, doAntiAlias=True)
    c.drawPath(path("M90 560 C300 588 800 590 1150 528 L1150 548 C900 612 300 610 90 580 Z"), fill(linear(100, 0, 1130, 0, "#ff7a3d", "#ff3d71", "#7a3df0")))
    for i in range(7):
        x = 172 + i * 44
        c.drawPath(path(f"M{x} 500 C{x + 10} 520 {x + 10} 536 {x + 2} 552"), line("#cdb9ae", 5, 0.7))
    c.restore()
    c.drawPath(path("M124 474 C190 452 300 476 420 504 C560 534 760 538 1096 490"), line("#ffffff", 4, 0.9))
    # Upper: one silhouette, then panels clipped to it.
    upper = path("M152 470 C132 400 142 300 150 226 C152 190 166 160 190 156 C214 152 226 172 240 198 C262 236 320 262 372 250 C420 238 452 196 486 168 C510 150 540 152 560 172 C640 254 720 320 840 362 C940 396 1060 400 1102 448 C1120 470 1116 492 1096 496 C940 524 760 538 640 530 C470 520 330 478 240 462 C204 456 176 458 152 470 Z")
    c.drawPath(upper, fill(linear(150, 160, 1080, 520, "#ff5a5f", "#ff3d71", "#d81b8c", "#8a2be2", stops=[0, 0.35, 0.65, 1])))
    c.save()
    c.clipPath(upper, doAntiAlias=True)
    for i in range(46):  # the knit: fine slanted ribs
        x = 470 + i * 15
        c.drawPath(path(f"M{x} 140 C{x - 40} 280 {x - 30} 420 {x + 60} 560"), line("#ffffff", 2, 0.10))
    toe = path("M930 380 C890 430 890 480 930 540 L1160 540 L1160 380 Z")
    c.drawPath(toe, fill(linear(900, 380, 1120, 520, "#a53df0", "#5e22c9")))
    c.drawPath(path("M930 380 C890 430 890 480 930 540"), line("#ffffff", 3, 0.35))
    heel = path("M120 140 L214 140 C250 230 280 340 300 480 L120 490 Z")
    c.drawPath(heel, fill(linear(130, 150, 300, 480, "#3a1a78", "#5e22c9", "#3a1a78")))
    c.drawPath(path("M214 140 C250 230 280 340 300 480"), line("#ffffff", 3, 0.4))
    c.drawPath(path("M140 330 C190 322 230 326 268 336 L274 366 C230 352 190 350 140 360 Z"), fill("#ffd166"))
    # Decoration that is nobody's mark: perforations that shrink towards the toe.
    for row in range(8):
        for column in range(15):
            x, y = 330 + column * 34 + (row % 2) * 17, 352 + row * 25 + column * 6
            size = 8.5 - column * 0.5
            if y > 330 + (x - 330) * 0.42 and size > 1:
                c.drawCircle(x, y, size, fill("#fff3d6" if (row + column) % 5 else "#ffd166", 0.9))
    # Light from above left, shade towards the sole.
    c.drawPath(upper, fill(linear(0, 150, 0, 540, "#ffffff40", "#ffffff00", "#1a004050", stops=[0, 0.4, 1])))
    c.drawPath(path("M560 172 C640 254 720 320 840 362 C940 396 1060 400 1102 448"), line("#ffffff", 26, 0.22, blur=10))
    c.restore()
    # Collar and tongue.
    c.drawPath(path("M190 156 C214 152 226 172 240 198 C262 236 320 262 372 250 C420 238 452 196 486 168 C470 150 452 150 440 160 C400 200 360 220 320 214 C270 206 250 176 232 150 C218 132 196 136 190 156 Z"), fill(linear(190, 140, 480, 250, "#2a1060", "#4a1fa0")))
    c.drawPath(path("M440 176 C452 130 474 96 506 84 C536 76 566 92 570 120 C572 144 566 160 560 176 C540 152 510 150 486 168 Z"), fill(linear(450, 90, 570, 170, "#ff8a5c", "#ff3d71")))
    c.drawPath(path("M190 156 C214 152 226 172 240 198 C262 236 320 262 372 250 C420 238 452 196 486 168"), line("#ffd166", 6))
    c.drawPath(path("M166 204 C140 190 132 150 150 132 C166 122 184 134 190 154"), line("#ffd166", 12))
    # Laces.
    for i in range(5):
        x, y = 528 + i * 52, 190 + i * 42
        c.drawPath(path(f"M{x - 58} {y + 52} C{x - 34} {y + 26} {x - 6} {y + 6} {x + 30} {y + 2}"), line("#4a0a3a", 15, 0.35, blur=3))
        c.drawPath(path(f"M{x - 60} {y + 46} C{x - 36} {y + 20} {x - 8} {y} {x + 28} {y - 4}"), line("#fff8f0", 13))
        c.drawCircle(x - 62, y + 48, 8, fill("#ffd166"))
        c.drawCircle(x - 62, y + 48, 3.5, fill("#5a2a0a"))
    c.drawPath(path("M560 168 C600 120 650 118 640 150 C632 172 590 176 556 176 C600 190 640 214 622 232 C604 246 574 210 552 180"), line("#fff8f0", 9))
    rounded(c, 540, 160, 34, 28, 12, fill("#ffffff"))
    save(surf, "offer/trainer.png")


if __name__ == "__main__":
    trainer()
    backdrop()
