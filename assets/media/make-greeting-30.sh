#!/bin/bash
# Makes the media of the template greeting-30: a drifting fractal background, a sale card, a logo and 30 s of tones.
# Takes several minutes. Needs ffmpeg, ImageMagick and DejaVu Sans Bold (taken from ../fonts).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/greeting-30}
font=$here/../fonts/DejaVuSans-Bold.ttf
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$out"
encode=(ffmpeg -hide_banner -nostdin -loglevel error -y)

# Two large pictures and the mask that turns the nearer one into islands; all bigger than the frame, so that it can wander.
fractal() { convert -seed "$1" -size 2600x1500 "plasma:$2" "${@:4}" "$scratch/$3.png"; }
fractal 7  SteelBlue-DarkOliveGreen far  -blur 0x0.8 -modulate 100,140
fractal 21 Tomato-Gold              near -blur 0x1.2 -modulate 95,120
fractal 33 black-white              mask -colorspace Gray -blur 0x6 -sigmoidal-contrast 25x50%

wander_far="crop=1280:720:x='660+600*sin(t*0.21)':y='390+300*cos(t*0.17)',format=gbrp"
wander_near="crop=1280:720:x='660-640*sin(t*0.33)':y='390+330*sin(t*0.41)',format=gbrp"
still=(-loop 1 -framerate 30 -i)
"${encode[@]}" "${still[@]}" "$scratch/far.png" "${still[@]}" "$scratch/near.png" "${still[@]}" "$scratch/mask.png" \
  -filter_complex "[0]$wander_far[far];[1]$wander_near[near];[2]$wander_near[mask];
    [far][near][mask]maskedmerge,noise=alls=5:allf=t,format=yuv420p" \
  -t 30 -r 30 -c:v libx264 -preset medium -crf 18 -g 60 -flags +cgop -pix_fmt yuv420p \
  -color_primaries bt709 -color_trc bt709 -colorspace bt709 -color_range tv -movflags +faststart "$out/bg.mp4"

convert -seed 99 -size 1920x1080 plasma:Purple-Orange -blur 0x1 \
  -fill none -stroke white -strokewidth 6 -draw "roundrectangle 200,150 1720,930 40,40" \
  -stroke none -fill white -font "$font" -pointsize 110 -gravity center -annotate 0 "AUTUMN SALE" "png24:$out/still.png"

convert -size 200x200 xc:none -fill '#e63946' -draw "circle 100,100 100,8" \
  -fill white -font "$font" -pointsize 96 -gravity center -annotate 0 "F" -resize 120x120 "png32:$out/logo.png"

# A slightly detuned fifth on each side, one of them pulsing twice a second.
left='0.18*sin(2*PI*220*t)*(0.6+0.4*sin(4*PI*t))+0.12*sin(2*PI*329.63*t)'
right='0.18*sin(2*PI*220.7*t)*(0.6+0.4*cos(4*PI*t))+0.12*sin(2*PI*277.18*t)'
"${encode[@]}" -f lavfi -i "aevalsrc='$left|$right':s=48000:d=30" -f lavfi -i "anoisesrc=c=pink:a=0.05:r=48000:d=30:seed=5" \
  -filter_complex "[1]pan=stereo|c0=c0|c1=c0[hiss];[0][hiss]amix=inputs=2:normalize=0" \
  -ac 2 -sample_fmt s16 -c:a flac -compression_level 8 "$out/music.flac"
