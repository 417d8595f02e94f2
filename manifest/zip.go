package manifest

import (
	"archive/zip"
	"fmt"
	"io"
	"time"
)

// Names inside the package; Teams finds the icons by what the manifest says.
const (
	manifestFile = "manifest.json"
	colorFile    = "color.png"
	outlineFile  = "outline.png"
)

// epoch is the time of every file in the package, the earliest that a zip can hold: the same options must give the same
// bytes, so that a changed package means a changed app.
var epoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// WriteZip writes the app package that an administrator uploads to Teams: manifest.json, color.png and outline.png, all
// at the top as Teams wants them. The same options give the same bytes. Nothing is written where the options are wrong;
// the error is Build's then, else the writer's.
func WriteZip(w io.Writer, o Options) error {
	doc, err := Build(o)
	if err != nil {
		return err
	}
	color, err := encodePNG(colorIcon())
	if err != nil {
		return err
	}
	outline, err := encodePNG(outlineIcon())
	if err != nil {
		return err
	}
	z := zip.NewWriter(w)
	for _, f := range []struct {
		name string
		data []byte
	}{{manifestFile, doc}, {colorFile, color}, {outlineFile, outline}} {
		part, err := z.CreateHeader(&zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: epoch})
		if err != nil {
			return fmt.Errorf("app package: add %s: %w", f.name, err)
		}
		if _, err := part.Write(f.data); err != nil {
			return fmt.Errorf("app package: write %s: %w", f.name, err)
		}
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("app package: finish zip: %w", err)
	}
	return nil
}
