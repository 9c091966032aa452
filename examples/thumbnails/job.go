package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"image"
	"image/color"
	_ "image/gif" // read too
	"image/jpeg"
	_ "image/png" // read too
	"os"
	"path"
)

const (
	// side is the longer side of a thumbnail, in pixels.
	side = 160
	// maxPixels bounds a picture. A small file can claim to be a huge one.
	maxPixels = 50_000_000
)

// job is the job: it makes the thumbnail of one object. It may run twice, because writing the
// same thumbnail again changes nothing.
//
// A bucket is a folder in BUCKETS: on Google Cloud a mounted one. The thumbnail goes to another
// bucket. In the same one it would be a new object, whose event starts this job again.
func job(_ context.Context, args []string) error {
	var bucket, name string
	flags := flag.NewFlagSet("thumbnails job", flag.ContinueOnError)
	flags.StringVar(&bucket, "bucket", "", "`NAME` of the bucket")
	flags.StringVar(&name, "object", "", "`NAME` of the object")
	if err := flags.Parse(args); err != nil {
		return err
	}
	buckets, err := os.OpenRoot(os.Getenv("BUCKETS")) // no name can leave it
	if err != nil {
		return fmt.Errorf("BUCKETS: %w", err)
	}
	defer buckets.Close()
	picture, err := buckets.ReadFile(path.Join(bucket, name))
	if err != nil {
		return err
	}
	small, err := thumbnail(picture)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	to := path.Join(bucket+"-thumbnails", name+".jpg")
	if err := errors.Join(buckets.MkdirAll(path.Dir(to), 0o700), buckets.WriteFile(to, small, 0o600)); err != nil {
		return err
	}
	fmt.Printf("%s: %d bytes, from %d\n", to, len(small), len(picture))
	return nil
}

// thumbnail returns a small JPEG of a picture.
func thumbnail(picture []byte) ([]byte, error) {
	claims, _, err := image.DecodeConfig(bytes.NewReader(picture))
	if err != nil {
		return nil, err
	}
	if claims.Width*claims.Height > maxPixels {
		return nil, fmt.Errorf("a picture of %d x %d is too large", claims.Width, claims.Height)
	}
	whole, _, err := image.Decode(bytes.NewReader(picture))
	if err != nil {
		return nil, err
	}
	var small bytes.Buffer
	err = jpeg.Encode(&small, shrink(whole, side), nil)
	return small.Bytes(), err
}

// shrink fits a picture into a square. Each pixel is the average of those that it replaces. A
// small picture stays as it is.
func shrink(whole image.Image, side int) image.Image {
	from := whole.Bounds()
	long := max(from.Dx(), from.Dy())
	if long <= side {
		return whole
	}
	small := image.NewRGBA64(image.Rect(0, 0, max(1, from.Dx()*side/long), max(1, from.Dy()*side/long)))
	to := small.Bounds()
	for y := range to.Dy() {
		for x := range to.Dx() {
			small.SetRGBA64(x, y, average(whole, image.Rect(
				from.Min.X+x*from.Dx()/to.Dx(), from.Min.Y+y*from.Dy()/to.Dy(),
				from.Min.X+(x+1)*from.Dx()/to.Dx(), from.Min.Y+(y+1)*from.Dy()/to.Dy(),
			)))
		}
	}
	return small
}

// average returns the average color of a part of a picture.
func average(whole image.Image, part image.Rectangle) color.RGBA64 {
	var r, g, b, a uint64
	for y := part.Min.Y; y < part.Max.Y; y++ {
		for x := part.Min.X; x < part.Max.X; x++ {
			r1, g1, b1, a1 := whole.At(x, y).RGBA()
			r, g, b, a = r+uint64(r1), g+uint64(g1), b+uint64(b1), a+uint64(a1)
		}
	}
	n := uint64(part.Dx() * part.Dy())
	return color.RGBA64{R: uint16(r / n), G: uint16(g / n), B: uint16(b / n), A: uint16(a / n)}
}
