#!/usr/bin/env python3
"""Composes and synthesises the music of the templates. Usage: music.py [OUTPUT_FOLDER]

Each piece is a whole number of bars and every tail wraps round to the start, so it loops without a seam. Deterministic: the only
random numbers (noise for drums and the room) are seeded. Needs numpy and ffmpeg.
"""

import subprocess
import sys
import tempfile
import wave
from pathlib import Path

import numpy as np

RATE = 48_000
LOUDNESS = -14.0  # LUFS, what the large platforms normalise to
NOTE = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def pitch(name):
    """'F#4' -> Hz."""
    semitone = NOTE[name[0]] + name.count("#") - name[1:].count("b")
    return 440.0 * 2 ** ((semitone - 9) / 12 + int(name[-1]) - 4)


def envelope(length, attack, decay, release=0.02):
    t = np.arange(int(length * RATE)) / RATE
    shape = np.minimum(1, t / attack) * np.exp(-t / decay)
    return t, shape * np.clip((length - t) / release, 0, 1)


def pluck(hz, length=1.2, bright=1.0):
    """A soft string: overtones that die the sooner the higher they are."""
    t, shape = envelope(length, 0.004, 9.0, 0.15)
    tone = sum(np.sin(2 * np.pi * hz * k * t) * np.exp(-t * (2.2 + 1.6 * k / bright)) / k**1.25 for k in range(1, 9) if hz * k < 16_000)
    return tone * shape * 0.5


def piano(hz, length=2.6):
    t, shape = envelope(length, 0.003, 6.0, 0.5)
    tone = 0
    for k in range(1, 10):
        partial = hz * k * np.sqrt(1 + 0.0004 * k * k)
        if partial < 15_000:
            tone = tone + np.sin(2 * np.pi * partial * t) * np.exp(-t * (0.7 + 0.75 * k)) / k**1.5
    return tone * shape * 0.5


def bell(hz, length=1.8):
    t, shape = envelope(length, 0.002, 0.55, 0.3)
    return np.sin(2 * np.pi * hz * t + 1.6 * np.exp(-t * 5) * np.sin(2 * np.pi * hz * 3.5 * t)) * shape * 0.4


def pad(hz, length):
    """A warm chord tone: three slightly detuned voices with few overtones, slow in and out."""
    t = np.arange(int((length + 0.6) * RATE)) / RATE
    shape = np.clip(t / 0.45, 0, 1) ** 1.5 * np.clip((length + 0.6 - t) / 0.7, 0, 1)
    tone = sum(np.sin(2 * np.pi * hz * d * k * t + k * d * 40) / k**1.7 for d in (0.9968, 1, 1.0033) for k in range(1, 6))
    return tone * shape * 0.16


def bass(hz, length):
    t, shape = envelope(length, 0.008, 1.2, 0.06)
    return np.tanh(1.6 * (np.sin(2 * np.pi * hz * t) + 0.35 * np.sin(4 * np.pi * hz * t))) * shape * 0.6


def kick():
    t, shape = envelope(0.38, 0.001, 0.13)
    return np.sin(2 * np.pi * (48 * t - 9.5 * np.exp(-t * 32) / 3.2)) * shape * 1.0


def noise(length, decay, seed, low, high):
    """Filtered noise: hats, shakers, claps."""
    _, shape = envelope(length, 0.001, decay)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(len(shape)))
    hz = np.fft.rfftfreq(len(shape), 1 / RATE)
    spectrum *= (hz > low) & (hz < high)
    sound = np.fft.irfft(spectrum, len(shape))
    return sound / np.abs(sound).max() * shape


def hat():
    return noise(0.08, 0.022, 1, 7_000, 16_000) * 0.3


def shaker():
    return noise(0.12, 0.04, 2, 4_500, 11_000) * 0.2


def clap():
    sound = noise(0.3, 0.07, 3, 900, 7_000) * 0.55
    for late in (0.011, 0.022):
        n = int(late * RATE)
        sound[n:] += noise(0.3, 0.05, 4, 900, 7_000)[: len(sound) - n] * 0.25
    return sound


def rise(length):
    """A swell of noise that opens up, for the bar before a change."""
    t = np.arange(int(length * RATE)) / RATE
    body = noise(length, 1e9, 5, 500, 5_000)
    return body * (t / length) ** 3 * 0.22


class Piece:
    """A circular stereo buffer of whole bars, with a send to a shared room."""

    def __init__(self, bpm, bars):
        self.beat = 60 / bpm
        self.size = round(bars * 4 * self.beat * RATE)
        self.dry = np.zeros((2, self.size))
        self.room = np.zeros((2, self.size))

    def add(self, beat, sound, gain=1.0, pan=0.0, room=0.25):
        start = round(beat * self.beat * RATE)
        at = (start + np.arange(len(sound))) % self.size
        for side, level in enumerate((np.cos((pan + 1) * np.pi / 4), np.sin((pan + 1) * np.pi / 4))):
            np.add.at(self.dry[side], at, sound * gain * level)
            np.add.at(self.room[side], at, sound * gain * level * room)

    def mix(self, seconds=1.6):
        t = np.arange(min(self.size, int(seconds * 2 * RATE))) / RATE
        out = self.dry.copy()
        for side in range(2):
            echo = np.zeros(self.size)
            echo[: len(t)] = np.random.default_rng(70 + side).standard_normal(len(t)) * np.exp(-t * 6.9 / seconds) * np.clip(t / 0.012, 0, 1)
            spectrum = np.fft.rfft(echo) / np.sqrt((echo**2).sum())
            hz = np.fft.rfftfreq(self.size, 1 / RATE)
            spectrum *= 1 / (1 + (hz / 4_500) ** 2) * (hz > 180)
            out[side] += np.fft.irfft(np.fft.rfft(self.room[side]) * spectrum, self.size)
        return out


def chord_bars(piece, chords, play):
    for bar, chord in enumerate(chords):
        play(bar * 4, chord.split())


def birthday():
    """Bright and bouncy: 128 beats a minute, 8 bars, 15 s."""
    p = Piece(128, 8)
    chords = ["C3 E4 G4 C5", "A2 E4 A4 C5", "F2 F4 A4 C5", "G2 D4 G4 B4"] * 2
    tune = "E5 G5 C6 . G5 E5 G5 . | C6 B5 A5 . E5 A5 C6 . | A5 C6 F5 . A5 G5 F5 . | D5 G5 B5 . A5 B5 D6 . |"
    tune += "E6 . G5 C6 . G5 E5 G5 | A5 . C6 E6 . C6 A5 . | F5 A5 C6 . D6 C6 A5 . | G5 . B5 D6 G5 A5 B5 . |"
    steps = tune.replace("|", "").split()
    for i, name in enumerate(steps):
        if name != ".":
            p.add(i / 2, bell(pitch(name)), 0.42, 0.25 if i % 2 else -0.25, 0.5)
    for bar, chord in enumerate(chords):
        low, *high = chord.split()
        for beat in (0, 1.5, 2, 3.5):
            p.add(bar * 4 + beat, bass(pitch(low), 0.3), 0.42, 0, 0.02)
        for i, beat in enumerate((0.5, 1, 1.5, 2.5, 3, 3.5)):
            for name in high:
                p.add(bar * 4 + beat, pluck(pitch(name), 0.5, 1.4), 0.26 if i % 2 else 0.2, (-0.5, 0, 0.5)[high.index(name)], 0.3)
        for name in high:
            p.add(bar * 4, pad(pitch(name), 4 * p.beat), 0.16, 0, 0.4)
    for beat in range(32):
        p.add(beat, kick(), 0.5 if beat % 2 == 0 else 0.28, 0, 0)
        if beat % 2:
            p.add(beat, clap(), 0.3, 0.05, 0.35)
        for half in (0.5, 0.75):
            p.add(beat + half, shaker() if half == 0.75 else hat(), 0.5, 0.3, 0.1)
    return p.mix(1.4)


def offer():
    """Cool and confident, half-time: 80 beats a minute, 4 bars, 12 s."""
    p = Piece(80, 4)
    chords = ["D2 F4 A4 C5 E5", "A#1 D4 F4 A4 C5", "G2 D4 F4 A#4 C5", "A1 C#4 E4 G4 B4"]
    for bar, chord in enumerate(chords):
        low, *high = chord.split()
        for beat, length in ((0, 0.9), (0.75, 0.35), (1.5, 0.6), (2.75, 0.5), (3.5, 0.4)):
            p.add(bar * 4 + beat, bass(pitch(low) * (2 if beat == 2.75 else 1), length), 0.7, 0, 0)
        for i, name in enumerate(high):
            p.add(bar * 4, pad(pitch(name), 4 * p.beat), 0.26, (-0.6, -0.2, 0.2, 0.6)[i], 0.5)
            p.add(bar * 4 + 0.02 * i, piano(pitch(name), 1.8), 0.24, (-0.4, -0.1, 0.1, 0.4)[i], 0.5)
            p.add(bar * 4 + 2.5 + 0.02 * i, piano(pitch(name), 1.2), 0.18, (-0.4, -0.1, 0.1, 0.4)[i], 0.5)
        for i, step in enumerate((0, 2, 3, 1, 2, 3, 0, 3)):
            p.add(bar * 4 + i / 2 + 0.25, pluck(pitch(high[step]) * 2, 0.7, 1.2), 0.16, 0.5 if i % 2 else -0.5, 0.7)
        for beat in (0, 0.75, 2.5):
            p.add(bar * 4 + beat, kick(), 0.85, 0, 0)
        for beat in (1, 3):
            p.add(bar * 4 + beat, clap(), 0.5, 0, 0.3)
        for i in range(16):
            p.add(bar * 4 + i / 4 + (0.03 if i % 2 else 0), hat(), 0.55 if i % 2 == 0 else 0.3, 0.2, 0.05)
        if bar == 3:
            for i in range(8):
                p.add(15 + i / 8, hat(), 0.2 + 0.05 * i, -0.2, 0.05)
    return p.mix(1.8)


def property_tour():
    """Calm piano over warm strings: 80 beats a minute, 8 bars, 24 s."""
    p = Piece(80, 8)
    chords = ["G2 D4 G4 B4", "D2 D4 F#4 A4", "E2 E4 G4 B4", "C2 E4 G4 C5"] + ["G2 D4 G4 B4", "B2 D4 F#4 B4", "C2 E4 G4 C5", "D2 D4 F#4 A4"]
    tune = {0: "B4", 1.5: "D5", 2.5: "G5", 4: "F#5", 6: "A4", 7: "D5", 8: "E5", 9.5: "B4", 10.5: "G4", 12: "G5", 14: "E5", 15: "D5",
            16: "B5", 17.5: "A5", 18.5: "G5", 20: "F#5", 22: "D5", 23: "F#5", 24: "G5", 25.5: "E5", 26.5: "C5", 28: "D5", 30: "A5", 31: "F#5"}
    for beat, name in tune.items():
        p.add(beat, piano(pitch(name), 3), 0.55, 0.15, 0.6)
    for bar, chord in enumerate(chords):
        low, *high = chord.split()
        p.add(bar * 4, bass(pitch(low), 2.7), 0.3, 0, 0.1)
        p.add(bar * 4, piano(pitch(low) * 2, 3), 0.45, -0.2, 0.4)
        for i, step in enumerate((0, 1, 2, 1, 0, 1, 2, 1)):
            p.add(bar * 4 + i / 2, piano(pitch(high[step]), 1.6), 0.24 if i % 2 == 0 else 0.18, (-0.3, 0, 0.3)[step], 0.5)
        for i, name in enumerate(high):
            p.add(bar * 4, pad(pitch(name), 4 * p.beat), 0.3, (-0.7, 0, 0.7)[i], 0.6)
            p.add(bar * 4, pad(pitch(name) * 2, 4 * p.beat), 0.1, (0.7, 0, -0.7)[i], 0.8)
        if bar >= 4:
            for i in range(8):
                p.add(bar * 4 + i / 2, shaker(), 0.35 if i % 2 else 0.2, 0.3, 0.2)
            p.add(bar * 4, kick(), 0.35, 0, 0.05)
            p.add(bar * 4 + 2.5, kick(), 0.22, 0, 0.05)
    return p.mix(2.4)


def countdown():
    """A club build-up: 120 beats a minute, 6 bars, 12 s; three bars of count, three of drop."""
    p = Piece(120, 6)
    chords = ["A1 A3 C4 E4", "F1 A3 C4 F4", "G1 B3 D4 G4", "A1 C4 E4 A4", "F1 C4 F4 A4", "G1 D4 G4 B4"]
    for bar, chord in enumerate(chords):
        low, *high = chord.split()
        full = bar >= 3
        for i in range(16):
            level = (0.13 + 0.011 * (bar * 16 + i) / 3) if not full else 0.26
            p.add(bar * 4 + i / 4, pluck(pitch(high[(0, 1, 2, 1, 2, 0, 1, 2)[i % 8]]) * (4 if i % 8 == 7 else 2), 0.4, 1.0 + bar / 4), level, (-0.5, 0.5)[i % 2], 0.45)
        for name in high:
            p.add(bar * 4, pad(pitch(name), 4 * p.beat), 0.26 if full else 0.18, 0, 0.5)
            p.add(bar * 4, pad(pitch(name) * 2, 4 * p.beat), 0.16 if full else 0.05, 0.4, 0.5)
        for beat in range(4):
            p.add(bar * 4 + beat, kick(), 0.85 if full else 0.55, 0, 0)
            for half in (0.5, 0.75) if full else (0.5,):
                p.add(bar * 4 + beat + half, bass(pitch(low) * 2, 0.22), 0.5 if full else 0.3, 0, 0)
            if full:
                p.add(bar * 4 + beat + 0.5, hat(), 0.9, 0.2, 0.1)
                if beat % 2:
                    p.add(bar * 4 + beat, clap(), 0.55, 0, 0.3)
    for i in range(8):
        p.add(10 + i / 4, clap(), 0.1 + 0.04 * i, 0, 0.2)
    p.add(8, rise(2.0), 0.9, 0, 0.3)
    return p.mix(1.6)


def loudness(path):
    """Integrated loudness in LUFS, as FFmpeg measures it."""
    log = subprocess.run(["ffmpeg", "-hide_banner", "-nostats", "-i", path, "-af", "ebur128", "-f", "null", "-"], capture_output=True, text=True, check=True).stderr
    return float(log.rsplit("I:", 1)[1].split()[0])


def write(sound, path):
    limited = np.clip(sound.T, -1, 1)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((limited * 32_000).astype("<i2").tobytes())


def limit(sound, ceiling=0.84):
    """Rounds off what would exceed the ceiling; leaves the rest as it is."""
    knee = ceiling * 0.7
    over = np.maximum(np.abs(sound) - knee, 0)
    return np.sign(sound) * (np.minimum(np.abs(sound), knee) + (ceiling - knee) * np.tanh(over / (ceiling - knee)))


def main():
    out = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)
    for name, compose in {"birthday": birthday, "offer": offer, "property": property_tour, "countdown": countdown}.items():
        sound = compose()
        sound /= np.abs(sound).max() * 1.2
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "mix.wav"
            for _ in range(3):  # limiting changes the loudness a little: settle it in a few rounds
                write(limit(sound), path)
                sound *= 10 ** ((LOUDNESS - loudness(path)) / 20)
            write(limit(sound), path)
            (out / name).mkdir(parents=True, exist_ok=True)
            target = out / name / "music.m4a"
            subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", path, "-c:a", "aac", "-b:a", "160k", "-map_metadata", "-1",
                            "-fflags", "+bitexact", "-movflags", "+faststart", target], check=True)
            print(f"{target}: {loudness(path):.1f} LUFS, peak {np.abs(limit(sound)).max():.2f}")


if __name__ == "__main__":
    main()
