#!/bin/sh
# Gather the pictures that networks learn from: wallpapers from Debian packages, frames of SuperTux
# played by a very simple robot, and of the demos that Freedoom plays by itself. Needs apt-get, dpkg,
# Xvfb, xdotool, ffmpeg, supertux2, chocolate-doom and freedoom; nothing is installed and the display
# it uses is its own.
#
#   tools/fetch_training_pictures.sh FOLDER [FRAMES_PER_LEVEL]
#
# Afterwards FOLDER/wallpapers, FOLDER/frames and FOLDER/doom hold the pictures (about 100, 300, 100).
set -eu

folder=${1:?usage: $0 FOLDER [FRAMES_PER_LEVEL]}
frames_per_level=${2:-5}
packages="plasma-workspace-wallpapers gnome-backgrounds lomiri-wallpapers-20.04 ukui-wallpapers
mate-backgrounds"
levels=/usr/share/games/supertux2/levels
display=:77

fetch_wallpapers() {
    mkdir -p "$folder/debs" "$folder/unpacked" "$folder/wallpapers"
    # shellcheck disable=SC2086  # one word per package
    (cd "$folder/debs" && apt-get download $packages)
    for deb in "$folder"/debs/*.deb; do dpkg -x "$deb" "$folder/unpacked"; done
    # The long path becomes part of the name: most files of a package are called 1920x1080.
    find "$folder/unpacked" -type f -size +20k \
        \( -name '*.jpg' -o -name '*.png' -o -name '*.webp' \) ! -name 'screenshot*' |
        while read -r picture; do
            name=$(printf %s "${picture#"$folder"/unpacked/usr/share/}" | tr / _)
            cp "$picture" "$folder/wallpapers/$name"
        done
}

# Run one level, walk right with a jump now and then, and keep a frame after each jump.
grab_level() {
    name=$(basename "$1" .stl)
    SUPERTUX2_USER_DIR="$folder/supertux" /usr/games/supertux2 --geometry 1280x720 --renderer sdl \
        --disable-sound --disable-music "$1" >"$folder/supertux.log" 2>&1 &
    game=$!
    sleep 7.5 # the level's title is shown until now
    xdotool keydown Right
    for number in $(seq "$frames_per_level"); do
        xdotool keydown space
        sleep 0.6
        xdotool keyup space
        sleep 0.4
        ffmpeg -nostdin -loglevel error -y -f x11grab -video_size 1280x720 -i "$display" \
            -frames:v 1 "$folder/frames/${name}_$number.png"
    done
    xdotool keyup Right
    kill "$game"
    wait "$game" 2>/dev/null || true
}

fetch_frames() {
    mkdir -p "$folder/frames" "$folder/supertux"
    Xvfb "$display" -screen 0 1280x720x24 +extension GLX -noreset >/dev/null 2>&1 &
    server=$!
    trap 'kill $server' EXIT
    sleep 2
    export DISPLAY="$display"
    for level in "$levels"/world1/*.stl "$levels"/world2/*.stl; do grab_level "$level"; done
    kill $server
}

fetch_doom() {
    mkdir -p "$folder/doom" "$folder/doomhome"
    Xvfb "$display" -screen 0 1280x720x24 -noreset >/dev/null 2>&1 &
    server=$!
    trap 'kill $server' EXIT
    sleep 2
    HOME="$folder/doomhome" DISPLAY="$display" /usr/games/chocolate-doom -nosound -window \
        -iwad /usr/share/games/doom/freedoom1.wad -geometry 1280x720 >"$folder/doom.log" 2>&1 &
    game=$!
    sleep 8
    ffmpeg -nostdin -loglevel error -y -f x11grab -framerate 1/2 -video_size 1280x720 \
        -i "$display" -frames:v 100 "$folder/doom/%04d.png"
    kill "$game"
}

fetch_wallpapers
fetch_frames
fetch_doom
