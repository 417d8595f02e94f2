package manifest

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
)

// Sizes that Teams demands, in pixels.
// https://learn.microsoft.com/microsoftteams/platform/concepts/build-and-test/apps-package
const (
	colorSize   = 192
	outlineSize = 32
)

// units are the steps of one pixel in which shapes are given. All geometry is in whole numbers: floating point may be
// rounded differently by different processors, and the package must be the same everywhere.
const units = 16

// shape says whether the point (x, y), in units from the top left, is inside.
type shape func(x, y int) bool

// disc is a circle around (cx, cy).
func disc(cx, cy, r int) shape {
	return func(x, y int) bool { return (x-cx)*(x-cx)+(y-cy)*(y-cy) <= r*r }
}

// rect spans from (x0, y0) to (x1, y1).
func rect(x0, y0, x1, y1 int) shape {
	return func(x, y int) bool { return x >= x0 && x <= x1 && y >= y0 && y <= y1 }
}

// line is a stroke from (x0, y0) to (x1, y1) with round ends, r to either side.
func line(x0, y0, x1, y1, r int) shape {
	dx, dy := x1-x0, y1-y0
	length2 := dx*dx + dy*dy
	start, end := disc(x0, y0, r), disc(x1, y1, r)
	return func(x, y int) bool {
		along := (x-x0)*dx + (y-y0)*dy
		if along < 0 || along > length2 {
			return start(x, y) || end(x, y)
		}
		across := (x-x0)*dy - (y-y0)*dx
		return across*across <= r*r*length2
	}
}

// union is what at least one of the shapes covers.
func union(shapes ...shape) shape {
	return func(x, y int) bool {
		for _, s := range shapes {
			if s(x, y) {
				return true
			}
		}
		return false
	}
}

// without is a, less what b covers.
func without(a, b shape) shape {
	return func(x, y int) bool { return a(x, y) && !b(x, y) }
}

// paint fills s on img with c, softening edges by the share of each pixel that is covered.
func paint(img draw.Image, s shape, c color.NRGBA) {
	const samples = units / 2 // a side: one in the middle of every two units
	b := img.Bounds()
	mask := image.NewAlpha(b)
	for py := b.Min.Y; py < b.Max.Y; py++ {
		for px := b.Min.X; px < b.Max.X; px++ {
			n := 0
			for i := range samples * samples {
				if s(px*units+i%samples*2+1, py*units+i/samples*2+1) {
					n++
				}
			}
			mask.SetAlpha(px, py, color.Alpha{A: uint8(n * 255 / (samples * samples))})
		}
	}
	draw.DrawMask(img, b, image.NewUniform(c), image.Point{}, mask, b.Min, draw.Over)
}

// mark and ground are the two colours of the icons.
var (
	mark   = color.NRGBA{R: 0xff, G: 0xff, B: 0xff, A: 0xff}
	ground = color.NRGBA{R: 0xb3, G: 0x26, B: 0x1e, A: 0xff} // accentColor
)

// rays are five strokes around (cx, cy), from the distance near to the distance far, all in units.
func rays(cx, cy, near, far, r int) shape {
	diagonal := func(d int) int { return d * 7071 / 10000 }
	n, f := diagonal(near), diagonal(far)
	return union(
		line(cx-near, cy, cx-far, cy, r),
		line(cx-n, cy-n, cx-f, cy-f, r),
		line(cx, cy-near, cx, cy-far, r),
		line(cx+n, cy-n, cx+f, cy-f, r),
		line(cx+near, cy, cx+far, cy, r),
	)
}

// dome is the glass of a siren: half a disc of radius r around (cx, cy), on a box that ends at bottom.
func dome(cx, cy, r, bottom int) shape {
	return union(
		func(x, y int) bool { return y <= cy && disc(cx, cy, r)(x, y) },
		rect(cx-r, cy, cx+r, bottom),
	)
}

// colorIcon is a white siren with an exclamation mark on a full-bleed red ground. Teams may crop it to a circle or a
// hexagon, so the siren stays within the 120 x 120 pixels in the middle.
func colorIcon() image.Image {
	const px = units
	img := image.NewNRGBA(image.Rect(0, 0, colorSize, colorSize))
	draw.Draw(img, img.Bounds(), image.NewUniform(ground), image.Point{}, draw.Src)
	exclamation := union(line(96*px, 87*px, 96*px, 100*px, 5*px), disc(96*px, 115*px, 5*px+px/2))
	paint(img, union(
		without(dome(96*px, 103*px, 31*px, 126*px), exclamation),
		line(58*px, 141*px, 134*px, 141*px, 8*px),
		rays(96*px, 103*px, 45*px, 55*px, 4*px+px/2),
	), mark)
	return img
}

// outlineIcon is the same siren as a white line on nothing, as Teams wants it for its rail; strokes lie on whole pixels,
// so that they are not blurred.
func outlineIcon() image.Image {
	const px = units
	img := image.NewNRGBA(image.Rect(0, 0, outlineSize, outlineSize))
	paint(img, union(
		without(dome(16*px, 17*px, 7*px, 23*px), dome(16*px, 17*px, 5*px, 21*px)),
		line(8*px, 26*px, 24*px, 26*px, px),
		rays(16*px, 17*px, 10*px, 12*px, px),
	), mark)
	return img
}

func encodePNG(img image.Image) ([]byte, error) {
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, img); err != nil {
		return nil, fmt.Errorf("app package: encode icon: %w", err)
	}
	return b.Bytes(), nil
}
