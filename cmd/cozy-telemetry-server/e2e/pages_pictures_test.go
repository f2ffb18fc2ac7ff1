package e2e

import (
	"bytes"
	"cmp"
	"flag"
	"image"
	"image/color"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"

	cdppage "github.com/chromedp/cdproto/page"
)

var pictures = flag.String("pictures", "", "folder that gets pictures of the pages, which make screenshots keeps in docs; empty means none")

// picture keeps what an element of the page looks like, down to so many pixels, if pictures
// are asked for.
func (p *tab) picture(name, selector string, height float64) {
	p.t.Helper()
	if *pictures == "" {
		return
	}
	at := eval[[]float64](p, `(() => { const box = document.querySelector("`+selector+`").getBoundingClientRect(); return [box.x + scrollX, box.y + scrollY, box.width, box.height]; })()`)
	shot := call(p, cdppage.CaptureScreenshot, cdppage.CaptureScreenshotParams{
		Format: cdppage.CaptureScreenshotFormatPng, CaptureBeyondViewport: new(true),
		Clip: &cdppage.Viewport{X: at[0], Y: at[1], Width: at[2], Height: min(height, at[3]), Scale: 1},
	})
	whole, err := png.Decode(bytes.NewReader(shot.Data))
	if err != nil {
		p.t.Fatal(err)
	}
	var small bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&small, paletted(whole)); err != nil {
		p.t.Fatal(err)
	}
	if small.Len() > 150_000 {
		p.t.Errorf("the picture %s has %d bytes", name, small.Len())
	}
	if err := os.WriteFile(filepath.Join(*pictures, name+".png"), small.Bytes(), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// paletted returns a picture in its 256 most frequent colours; others become the nearest of
// these. A page has few colours, and between them those of the edges of letters.
func paletted(whole image.Image) *image.Paletted {
	bounds := whole.Bounds()
	count := make(map[color.Color]int)
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			count[whole.At(x, y)]++
		}
	}
	frequent := slices.SortedFunc(maps.Keys(count), func(a, b color.Color) int { return cmp.Compare(count[b], count[a]) })
	palette := color.Palette(frequent[:min(256, len(frequent))])
	index := make(map[color.Color]uint8, len(count))
	for c := range count {
		index[c] = uint8(palette.Index(c))
	}
	few := image.NewPaletted(bounds, palette)
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			few.SetColorIndex(x, y, index[whole.At(x, y)])
		}
	}
	return few
}
