package main

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
)

// read reads pictures, or draws three if there are none.
func read(files []string) (objects []*object, err error) {
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		objects = append(objects, &object{Name: filepath.Base(file), content: content})
	}
	if len(objects) > 0 {
		return objects, nil
	}
	for _, p := range []struct {
		name string
		sky  color.RGBA
	}{
		{"noon.png", color.RGBA{70, 140, 220, 255}},
		{"dusk.png", color.RGBA{220, 90, 70, 255}},
		{"night.png", color.RGBA{10, 10, 50, 255}},
	} {
		picture, err := draw(p.sky)
		if err != nil {
			return nil, err
		}
		objects = append(objects, &object{Name: p.name, content: picture})
	}
	return objects, nil
}

// draw draws a sun over the sea.
func draw(sky color.RGBA) ([]byte, error) {
	const width, height, radius = 900, 600, 80
	picture := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			dx, dy := x-width/2, y-height/3
			switch {
			case dx*dx+dy*dy < radius*radius:
				picture.SetRGBA(x, y, color.RGBA{250, 240, 180, 255})
			case y > 2*height/3:
				picture.SetRGBA(x, y, color.RGBA{sky.R / 2, sky.G / 2, sky.B / 2, 255})
			default:
				picture.SetRGBA(x, y, sky)
			}
		}
	}
	var out bytes.Buffer
	err := png.Encode(&out, picture)
	return out.Bytes(), err
}
