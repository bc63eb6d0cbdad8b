package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/webp"
)

func encode(t testing.TB, f func(io.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := f(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asPNG(t testing.TB, img image.Image) []byte {
	return encode(t, func(w io.Writer) error { return png.Encode(w, img) })
}

func asJPEG(t testing.TB, img image.Image) []byte {
	return encode(t, func(w io.Writer) error { return jpeg.Encode(w, img, nil) })
}

// photo is a picture with structure in every channel.
func photo(w, h int) *RGB {
	p := NewRGB(w, h)
	for i := range p.Pix {
		x, y := i/3%w, i/3/w
		p.Pix[i] = uint8(128 + 60*((x/5+y/7)%2) + (x*y+i%3*40)%60)
	}
	return p
}

// pngHeader is a PNG that says it has w x h pixels and then ends.
func pngHeader(w, h uint32) []byte {
	b := []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
	b = binary.BigEndian.AppendUint32(b, w)
	b = binary.BigEndian.AppendUint32(b, h)
	b = append(b, 8, 2, 0, 0, 0)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[12:]))
}

func TestDecodeRefusals(t *testing.T) {
	jpg := asJPEG(t, photo(64, 48))
	damaged := bytes.Clone(jpg)
	copy(damaged[bytes.Index(jpg, []byte("\xff\xc4"))+2:], []byte{0, 0}) // Huffman tables of no length
	webpBomb := append([]byte("RIFF\x20\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00VP8L\x05\x00\x00\x00"), 0x2f, 0xff, 0xff, 0xff, 0x0f, 0)
	animation := []byte("RIFF\x20\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x02\x00\x00\x00\x07\x00\x00\x07\x00\x00")
	for _, tc := range []struct {
		name  string
		data  []byte
		want  string
		kind  error
		limit Limits
	}{
		{name: "empty", want: "found an empty file", kind: ErrNotAPicture},
		{name: "html", data: []byte("  <!DOCTYPE html><p>Not found"), want: "found an HTML page", kind: ErrNotAPicture},
		{name: "svg", data: []byte("<svg xmlns='x'/>"), want: "SVG", kind: ErrNotAPicture},
		{name: "lfs", data: []byte("version https://git-lfs.github.com/spec/v1"), want: "git lfs pull", kind: ErrNotAPicture},
		{name: "text", data: []byte("hello, I am text and no picture"), want: `31 bytes that begin with "hello, I am text"`, kind: ErrNotAPicture},
		{name: "truncated jpeg", data: jpg[:len(jpg)/2], want: "it is truncated or damaged", kind: ErrTruncated},
		{name: "jpeg header only", data: jpg[:30], want: "more of the header", kind: ErrTruncated},
		{name: "damaged jpeg", data: damaged, want: "cannot be decoded"},
		{name: "truncated png", data: asPNG(t, photo(64, 48))[:500], want: "it is truncated or damaged", kind: ErrTruncated},
		{name: "png bomb", data: pngHeader(50_000, 50_000), want: "expected at most 89478485 pixels, found 50000x50000 = 2500000000", kind: ErrTooLarge},
		{name: "png one above", data: pngHeader(MaxPixels+1, 1), want: "found 89478486x1", kind: ErrTooLarge},
		{name: "png just within", data: pngHeader(MaxPixels, 1), want: "truncated", kind: ErrTruncated},
		{name: "png without pixels", data: pngHeader(0, 5), want: "picture"},
		{name: "overflowing png", data: pngHeader(1<<31-1, 1<<31-1), want: "overflow"},
		{name: "own limit", data: jpg, want: "expected at most 100 pixels, found 64x48 = 3072", kind: ErrTooLarge, limit: Limits{MaxPixels: 100}},
		{name: "own size limit", data: jpg, want: "expected a file of at most 100 bytes", kind: ErrTooLarge, limit: Limits{MaxBytes: 100}},
		{name: "webp of two sizes", data: webpBomb, want: "the header says 1x1 pixels and the frame 16384x16384"},
		{name: "webp animation", data: animation, want: "it is an animation"},
		{name: "webp without frame", data: []byte("RIFF\x04\x00\x00\x00WEBP"), want: "truncated", kind: ErrTruncated},
	} {
		t.Run(tc.name, func(t *testing.T) {
			img, err := Decode("pictures/a.jpg", tc.data, tc.limit)
			if err == nil {
				t.Fatalf("decoded to %v, want an error", img.Bounds())
			}
			if !strings.HasPrefix(err.Error(), "pictures/a.jpg: ") || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %q, want the name and %q", err, tc.want)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q has more than one line", err)
			}
			if tc.kind != nil && !errors.Is(err, tc.kind) {
				t.Errorf("error %q does not wrap %q", err, tc.kind)
			}
		})
	}
}

func TestDecodeFile(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{dir: "found a folder", filepath.Join(dir, "gone.jpg"): "found none"} {
		if _, err := DecodeFile(path, Limits{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", path, err, want)
		}
	}
	path := filepath.Join(dir, "a.png") // a JPEG under another name is read all the same
	if err := os.WriteFile(path, asJPEG(t, photo(9, 7)), 0o644); err != nil {
		t.Fatal(err)
	}
	img, err := DecodeFile(path, Limits{})
	if err != nil || img.Bounds().Dx() != 9 {
		t.Errorf("a JPEG named .png gives %v", err)
	}
	if _, err := DecodeFile(path, Limits{MaxBytes: 10}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("above the size limit: %v", err)
	}
	if _, err := DecodeReader("stream", io.LimitReader(zeros{}, 1<<40), Limits{MaxBytes: 1000}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("an endless stream gives %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestDamagedNeverPanics flips and cuts bytes in every format: there is a picture or a sentence.
func TestDamagedNeverPanics(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	pal := image.NewPaletted(image.Rect(0, 0, 20, 20), color.Palette{color.Black, color.White, color.Transparent})
	sources := map[string][]byte{
		"jpeg": asJPEG(t, photo(20, 20)),
		"png":  asPNG(t, photo(20, 20)),
		"gif":  encode(t, func(w io.Writer) error { return gif.Encode(w, photo(20, 20), nil) }),
		"pal":  asPNG(t, pal),
		"bmp":  encode(t, func(w io.Writer) error { return bmp.Encode(w, photo(20, 20)) }),
	}
	for name, data := range sources {
		for range 300 {
			bad := bytes.Clone(data)
			for range 1 + rng.IntN(4) {
				bad[rng.IntN(len(bad))] = uint8(rng.Uint32())
			}
			img, err := Decode(name, bad[:len(bad)-rng.IntN(3)], Limits{MaxPixels: 1 << 20})
			if (img == nil) == (err == nil) {
				t.Fatalf("%s: picture %v and error %v", name, img, err)
			}
			if err == nil {
				if _, err := ShortSideCrop(img, 8, Bicubic); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			}
		}
	}
}

// TestOddSizes runs the whole way for the sizes that break careless code.
func TestOddSizes(t *testing.T) {
	for _, size := range []image.Point{{1, 1}, {20_000, 1}, {1, 20_000}, {20_000, 3}, {2, 1}, {3, 2}, {7, 5}} {
		for name, data := range map[string][]byte{"png": asPNG(t, photo(size.X, size.Y)), "jpeg": asJPEG(t, photo(size.X, size.Y))} {
			img, err := Decode(name, data, Limits{})
			if err != nil {
				t.Fatalf("%v %s: %v", size, name, err)
			}
			for _, filter := range []Filter{Bicubic, Bilinear, Nearest} {
				got, err := ShortSideCrop(img, 64, filter)
				if err != nil || len(got.Pix) != 64*64*3 {
					t.Fatalf("%v %s: %v", size, name, err)
				}
				// Squashing 20,000 pixels into 64 needs a kernel of thousands of weights.
				squashed, err := ResizeCrop(img, 64, 64, image.Rect(0, 0, 64, 64), filter)
				if err != nil || len(squashed.Pix) != 64*64*3 {
					t.Fatalf("%v %s: %v", size, name, err)
				}
			}
		}
	}
}

// TestModes checks what mode a file comes to, as Pillow 9.4 has it; the mode decides how it is resized.
func TestModes(t *testing.T) {
	ramp := make(color.Palette, 256)
	for i := range ramp {
		ramp[i] = color.Gray{uint8(i)}
	}
	odd := append(color.Palette{color.Gray{9}}, ramp[1:]...)
	rect := image.Rect(0, 0, 8, 8)
	clear := image.NewNRGBA(rect)
	clear.Set(1, 1, color.NRGBA{200, 100, 50, 128})
	asGIF := func(img image.Image) []byte {
		return encode(t, func(w io.Writer) error { return gif.Encode(w, img, nil) })
	}
	asBMP := func(img image.Image) []byte {
		return encode(t, func(w io.Writer) error { return bmp.Encode(w, img) })
	}
	for _, tc := range []struct {
		name string
		data []byte
		want mode
	}{
		{"grey JPEG", asJPEG(t, image.NewGray(rect)), modeL},
		{"JPEG", asJPEG(t, photo(8, 8)), modeRGB},
		{"PNG", asPNG(t, photo(8, 8)), modeRGB},
		{"grey PNG", asPNG(t, image.NewGray(rect)), modeL},
		{"16-bit grey PNG", asPNG(t, image.NewGray16(rect)), modeI},
		{"PNG with alpha", asPNG(t, clear), modeRGBA},
		{"palette PNG", asPNG(t, image.NewPaletted(rect, ramp)), modeP},
		{"1-bit PNG", onePixelBits(t), modeP},
		{"RGB PNG with a colour key", colourKey(t), modeRGB},
		{"palette GIF", asGIF(image.NewPaletted(rect, odd)), modeP},
		{"grey ramp GIF", asGIF(image.NewPaletted(rect, ramp)), modeL},
		{"palette BMP", asBMP(image.NewPaletted(rect, odd)), modeP},
		{"grey BMP", asBMP(image.NewGray(rect)), modeL},
		{"BMP", asBMP(photo(8, 8)), modeRGB},
	} {
		img, err := Decode(tc.name, tc.data, Limits{})
		if err != nil {
			t.Error(err)
			continue
		}
		if got := modeOf(img); got != tc.want {
			t.Errorf("%s has mode %d (%T), want %d", tc.name, got, img, tc.want)
		}
	}
}

// onePixelBits is a PNG of 1-bit grey: IHDR is rewritten, because Go's encoder makes none.
func onePixelBits(t *testing.T) []byte {
	data := asPNG(t, image.NewPaletted(image.Rect(0, 0, 8, 8), color.Palette{color.Black, color.White}))
	if data[24] != 1 || data[25] != 3 {
		t.Fatalf("expected a 1-bit palette, found depth %d and kind %d", data[24], data[25])
	}
	data[25] = 0
	binary.BigEndian.PutUint32(data[29:], crc32.ChecksumIEEE(data[12:29]))
	plte := bytes.Index(data, []byte("PLTE")) - 4
	size := int(binary.BigEndian.Uint32(data[plte:])) + 12
	return append(bytes.Clone(data[:plte]), data[plte+size:]...)
}

// colourKey is an RGB PNG in which one colour is transparent by a tRNS chunk.
func colourKey(t *testing.T) []byte {
	data := asPNG(t, photo(8, 8))
	chunk := []byte("\x00\x00\x00\x06tRNS\x00\x80\x00\x80\x00\x80")
	chunk = binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(chunk[4:]))
	at := bytes.Index(data, []byte("IDAT")) - 4
	return append(append(bytes.Clone(data[:at]), chunk...), data[at:]...)
}

// TestGIFFrameOnCanvas: the first frame may cover a part of the canvas only.
func TestGIFFrameOnCanvas(t *testing.T) {
	pal := color.Palette{color.NRGBA{1, 2, 3, 255}, color.NRGBA{200, 0, 0, 255}, color.NRGBA{0, 0, 0, 0}}
	frame := image.NewPaletted(image.Rect(2, 1, 4, 3), pal)
	for i := range frame.Pix {
		frame.Pix[i] = 1
	}
	data := encode(t, func(w io.Writer) error {
		return gif.EncodeAll(w, &gif.GIF{Image: []*image.Paletted{frame}, Delay: []int{0}, Config: image.Config{ColorModel: pal, Width: 6, Height: 5}})
	})
	img, err := Decode("a.gif", data, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	p, ok := img.(*image.Paletted)
	if !ok || p.Rect != image.Rect(0, 0, 6, 5) {
		t.Fatalf("decoded to %T %v, want the canvas of 6x5", img, img.Bounds())
	}
	if p.ColorIndexAt(2, 1) != 1 || p.ColorIndexAt(3, 2) != 1 || p.ColorIndexAt(1, 1) != 2 || p.ColorIndexAt(5, 4) != 2 {
		t.Errorf("indices are %v", p.Pix)
	}
}

// TestWebP compares pictures saved as WebP and as PNG, from the test data of golang.org/x/image. Lossy ones must
// come closer than with Go's own conversion, which takes VP8's luma (16..235) for the full range.
func TestWebP(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "golang.org/x/image").Output()
	dir := filepath.Join(strings.TrimSpace(string(out)), "testdata")
	if _, statErr := os.Stat(filepath.Join(dir, "blue-purple-pink.png")); err != nil || statErr != nil {
		t.Skipf("the test data of golang.org/x/image is not on this machine: %v, %v", err, statErr)
	}
	for _, tc := range []struct {
		webp, png string
		most      float64
	}{
		{"blue-purple-pink.lossy.webp", "blue-purple-pink.png", 4.2},
		{"blue-purple-pink.lossless.webp", "blue-purple-pink.png", 0},
		{"yellow_rose.lossy.webp", "yellow_rose.png", 4.2},
		{"yellow_rose.lossy-with-alpha.webp", "yellow_rose.png", 4.2},
		{"yellow_rose.lossless.webp", "yellow_rose.png", 0},
		{"video-001.lossy.webp", "video-001.png", 4.2},
	} {
		path := filepath.Join(dir, tc.webp)
		want := decodeFile(t, filepath.Join(dir, tc.png))
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(5, 6))
		for range 20 {
			bad := bytes.Clone(data)
			bad[rng.IntN(len(bad))] ^= uint8(1 + rng.IntN(255))
			if img, err := Decode("damaged", bad[:len(bad)-rng.IntN(9)], Limits{MaxPixels: 1 << 20}); (img == nil) == (err == nil) {
				t.Fatalf("damaged: picture %v and error %v", img, err)
			}
		}
		goes, err := webp.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		ours, plain := visibleDifference(decodeFile(t, path), want), visibleDifference(goes, want)
		t.Logf("%s: mean difference %.3f, with Go's conversion %.3f", tc.webp, ours, plain)
		if ours > tc.most || tc.most > 0 && ours > plain/1.5 {
			t.Errorf("%s differs from %s by %.2f levels on average (%.2f with Go's conversion), want at most %g", tc.webp, tc.png, ours, plain, tc.most)
		}
	}
}

// visibleDifference is the mean difference in levels where b is opaque; colour under transparency is not kept.
func visibleDifference(a, b image.Image) float64 {
	sum, n := 0, 0
	for y := range b.Bounds().Dy() {
		for x := range b.Bounds().Dx() {
			p, q := straight(a.At(x, y)), straight(b.At(x, y))
			if q.A == 255 {
				sum += absDiff(p.R, q.R) + absDiff(p.G, q.G) + absDiff(p.B, q.B)
				n += 3
			}
		}
	}
	return float64(sum) / float64(n)
}

func absDiff(a, b uint8) int { return int(max(a, b)) - int(min(a, b)) }
