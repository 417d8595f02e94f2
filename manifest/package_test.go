package manifest

import (
	"archive/zip"
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/png"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// unpack returns the files of a package in their order.
func unpack(t *testing.T, data []byte) (names []string, files map[string][]byte) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	files = map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, f.Name)
		files[f.Name] = body
		if !f.Modified.UTC().Equal(epoch) {
			t.Errorf("%s is dated %s, want %s", f.Name, f.Modified, epoch)
		}
	}
	return names, files
}

func TestWriteZip(t *testing.T) {
	o := options(func(o *Options) { o.Profile = Rooms })
	var first, second bytes.Buffer
	if err := WriteZip(&first, o); err != nil {
		t.Fatal(err)
	}
	if err := WriteZip(&second, o); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("the same options gave two different packages")
	}
	names, files := unpack(t, first.Bytes())
	if diff := cmp.Diff([]string{"manifest.json", "color.png", "outline.png"}, names); diff != "" {
		t.Errorf("files in the package (-want +got):\n%s", diff)
	}
	want, err := Build(o)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(files["manifest.json"])); diff != "" {
		t.Errorf("manifest in the package is not Build's (-want +got):\n%s", diff)
	}
	for name, size := range map[string]int{"color.png": 192, "outline.png": 32} {
		c, err := png.DecodeConfig(bytes.NewReader(files[name]))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if c.Width != size || c.Height != size {
			t.Errorf("%s is %dx%d, want %dx%d", name, c.Width, c.Height, size, size)
		}
	}
}

func TestWriteZipErrors(t *testing.T) {
	var b bytes.Buffer
	if err := WriteZip(&b, Options{}); err == nil || b.Len() > 0 {
		t.Errorf("WriteZip of wrong options = %v after %d bytes, want an error and no bytes", err, b.Len())
	}
	errFull := errors.New("disk full")
	for _, room := range []int{0, 100, 1500} {
		if err := WriteZip(&narrow{room, errFull}, options(nil)); !errors.Is(err, errFull) {
			t.Errorf("WriteZip on a disk with %d bytes left = %v, want %v", room, err, errFull)
		}
	}
}

// narrow is a writer that has room for so many bytes.
type narrow struct {
	room int
	err  error
}

func (n *narrow) Write(p []byte) (int, error) {
	if len(p) > n.room {
		return 0, n.err
	}
	n.room -= len(p)
	return len(p), nil
}

// decode returns what a reader of the icon's PNG sees.
func decode(t *testing.T, img image.Image) image.Image {
	t.Helper()
	data, err := encodePNG(img)
	if err != nil {
		t.Fatal(err)
	}
	got, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestColorIcon(t *testing.T) {
	img := decode(t, colorIcon())
	safe := image.Rect(36, 36, 156, 156)
	white := 0
	for y := range colorSize {
		for x := range colorSize {
			c := color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA)
			if c.A != 0xff {
				t.Fatalf("pixel %d,%d has alpha %d, want a full-bleed opaque icon", x, y, c.A)
			}
			if !image.Pt(x, y).In(safe) && c != ground {
				t.Fatalf("pixel %d,%d outside the safe zone is %v, want the plain ground", x, y, c)
			}
			if c == mark {
				white++
			}
		}
	}
	if white < 3000 {
		t.Errorf("%d white pixels, want a siren that can be seen", white)
	}
	if got := [3]uint8{ground.R, ground.G, ground.B}; accentColor != "#B3261E" || got != [3]uint8{0xb3, 0x26, 0x1e} {
		t.Errorf("accent colour %s and ground %x differ", accentColor, got)
	}
}

func TestOutlineIcon(t *testing.T) {
	img := decode(t, outlineIcon())
	drawn, clear := 0, 0
	for y := range outlineSize {
		for x := range outlineSize {
			c := color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA)
			switch {
			case c.A == 0:
				clear++
			case c.R != 0xff || c.G != 0xff || c.B != 0xff:
				t.Fatalf("pixel %d,%d is %v, want white or nothing", x, y, c)
			default:
				drawn++
			}
			if edge := x == 0 || y == 0 || x == outlineSize-1 || y == outlineSize-1; edge && c.A != 0 {
				t.Errorf("pixel %d,%d on the edge is drawn, want a margin", x, y)
			}
		}
	}
	if drawn < 100 || clear < 600 {
		t.Errorf("%d pixels drawn and %d clear, want an outline on nothing", drawn, clear)
	}
}
