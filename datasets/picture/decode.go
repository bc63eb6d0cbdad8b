// Package picture decodes pictures safely and prepares them for a network exactly as Pillow does: resizing
// with antialiasing in the picture's own mode, centre crops, and tensors in CHW or HWC order.
//
// The reference is Pillow 9.4 with torchvision 0.14, which CLIP's preprocessing is written in. Two choices follow
// from that: EXIF orientation is ignored, and transparency is dropped without a background colour.
package picture

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"strings"

	"golang.org/x/image/bmp"
)

// MaxPixels is the largest picture that is decoded unless [Limits] says otherwise: Pillow's limit against
// decompression bombs, a quarter of a gigabyte at three bytes a pixel.
const MaxPixels = 89_478_485

// MaxBytes is the largest encoded picture that is read unless [Limits] says otherwise.
const MaxBytes = 256 << 20

// ErrNotAPicture is wrapped by the error of a file that is in none of the formats that can be read.
var ErrNotAPicture = errors.New("not a picture that can be read")

// ErrTooLarge is wrapped by the error of a picture above the limits; it was refused before decoding.
var ErrTooLarge = errors.New("picture too large")

// ErrTruncated is wrapped by the error of a picture whose file ended before its pixels did.
var ErrTruncated = errors.New("truncated")

// Limits bounds what a picture may cost. The zero value means [MaxPixels] and [MaxBytes].
type Limits struct {
	MaxPixels int
	MaxBytes  int64
}

func (l Limits) withDefaults() Limits {
	if l.MaxPixels <= 0 {
		l.MaxPixels = MaxPixels
	}
	if l.MaxBytes <= 0 {
		l.MaxBytes = MaxBytes
	}
	return l
}

// Decode decodes a JPEG, PNG, GIF (first frame), WebP or BMP file. Size and format are checked before any
// pixel is decoded. The result keeps the file's mode where it decides how Pillow resizes: *image.Gray, *image.Gray16,
// *image.Paletted (also for 1-bit pictures), *image.NRGBA for alpha, *image.CMYK, and *image.YCbCr, *image.RGBA,
// *image.NRGBA or [*RGB] for colour. Errors begin with name.
func Decode(name string, data []byte, limits Limits) (img image.Image, err error) {
	limits = limits.withDefaults()
	if int64(len(data)) > limits.MaxBytes {
		return nil, tooManyBytes(name, int64(len(data)), limits)
	}
	format, ok := sniff(data)
	if !ok {
		return nil, fmt.Errorf("%s: %w: expected a JPEG, PNG, GIF, WebP or BMP file, found %s", name, ErrNotAPicture, describe(data))
	}
	// A decoder that panics on hostile bytes must cost one picture, not the training run.
	defer func() {
		if p := recover(); p != nil {
			img, err = nil, fmt.Errorf("%s: expected a %s picture, found data that its decoder cannot handle (%v); the file is corrupt", name, format.name, p)
		}
	}()
	r := &watchedReader{r: bytes.NewReader(data)}
	config, err := format.config(r, data)
	if err != nil {
		return nil, broken(name, format.name, "header", r.ended, data, err)
	}
	if config.Width <= 0 || config.Height <= 0 {
		return nil, fmt.Errorf("%s: expected a %s picture of at least 1x1 pixels, found %dx%d; the file is corrupt", name, format.name, config.Width, config.Height)
	}
	if config.Width > limits.MaxPixels/config.Height {
		return nil, fmt.Errorf("%s: %w: expected at most %d pixels, found %dx%d = %d; it was not decoded, make it smaller first",
			name, ErrTooLarge, limits.MaxPixels, config.Width, config.Height, int64(config.Width)*int64(config.Height))
	}
	r = &watchedReader{r: bytes.NewReader(data)}
	img, err = format.decode(r, data, config)
	if err != nil {
		return nil, broken(name, format.name, "pixels", r.ended, data, err)
	}
	if got := img.Bounds().Size(); got.X != config.Width || got.Y != config.Height {
		return nil, fmt.Errorf("%s: expected a %s picture of %dx%d pixels as its header says, found %dx%d; the file is corrupt",
			name, format.name, config.Width, config.Height, got.X, got.Y)
	}
	return img, nil
}

// DecodeReader is [Decode] for a stream, of which at most limits.MaxBytes+1 bytes are read.
func DecodeReader(name string, r io.Reader, limits Limits) (image.Image, error) {
	limits = limits.withDefaults()
	data, err := io.ReadAll(io.LimitReader(r, limits.MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("%s: cannot read the picture: %w", name, err)
	}
	return Decode(name, data, limits)
}

// DecodeFile is [Decode] for a file.
func DecodeFile(path string, limits Limits) (image.Image, error) {
	limits = limits.withDefaults()
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: expected a picture, found none: %w", path, err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: expected a picture, found a folder or a special file", path)
	case info.Size() > limits.MaxBytes:
		return nil, tooManyBytes(path, info.Size(), limits)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot read the picture: %w", path, err)
	}
	return Decode(path, data, limits)
}

// IsPictureName says whether the ending of a file name is that of a format that [Decode] reads.
func IsPictureName(name string) bool {
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 {
		return false
	}
	switch strings.ToLower(name[dot+1:]) {
	case "jpg", "jpeg", "png", "gif", "webp", "bmp":
		return true
	}
	return false
}

func tooManyBytes(name string, size int64, limits Limits) error {
	return fmt.Errorf("%s: %w: expected a file of at most %d bytes, found %d; it was not read", name, ErrTooLarge, limits.MaxBytes, size)
}

// broken turns a decoder's error into a sentence that tells a cut file from a damaged one.
func broken(name, format, part string, ended bool, data []byte, err error) error {
	if ended || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: expected more of the %s of a %s picture, found the end of the file after %d bytes; it is %w or damaged (%w)",
			name, part, format, len(data), ErrTruncated, err)
	}
	return fmt.Errorf("%s: expected a %s picture, found %s that cannot be decoded; the file is corrupt or of a rare kind (%w)", name, format, part, err)
}

// watchedReader notes whether a decoder asked for more than there is, because not every decoder's error says so.
type watchedReader struct {
	r     io.Reader
	ended bool
}

func (w *watchedReader) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	w.ended = w.ended || err == io.EOF
	return n, err
}

// describe says what a file that is no picture looks like.
func describe(data []byte) string {
	head := data[:min(len(data), 16)]
	text := strings.ToLower(string(bytes.TrimLeft(data[:min(len(data), 256)], " \t\r\n\ufeff")))
	switch {
	case len(data) == 0:
		return "an empty file"
	case strings.HasPrefix(text, "<!doctype html"), strings.HasPrefix(text, "<html"):
		return "an HTML page (a server's error message, perhaps)"
	case strings.HasPrefix(text, "<svg"), strings.HasPrefix(text, "<?xml"):
		return "XML or SVG text"
	case strings.HasPrefix(text, "version https://git-lfs"):
		return "a Git LFS pointer (run git lfs pull)"
	}
	return fmt.Sprintf("%d bytes that begin with %q", len(data), head)
}

// codec is one file format. r reads data from its beginning.
type codec struct {
	name   string
	config func(r io.Reader, data []byte) (image.Config, error)
	decode func(r io.Reader, data []byte, config image.Config) (image.Image, error)
}

// sniff tells the format from the first bytes, whatever the file's name says.
func sniff(data []byte) (codec, bool) {
	has := func(magic string) bool { return len(data) >= len(magic) && string(data[:len(magic)]) == magic }
	plain := func(f func(io.Reader) (image.Config, error)) func(io.Reader, []byte) (image.Config, error) {
		return func(r io.Reader, _ []byte) (image.Config, error) { return f(r) }
	}
	switch {
	case has("\xff\xd8"):
		return codec{"JPEG", plain(jpeg.DecodeConfig), decodeJPEG}, true
	case has("\x89PNG\r\n\x1a\n"):
		return codec{"PNG", plain(png.DecodeConfig), decodePNG}, true
	case has("GIF87a"), has("GIF89a"):
		return codec{"GIF", plain(gif.DecodeConfig), decodeGIF}, true
	case has("RIFF") && len(data) >= 12 && string(data[8:12]) == "WEBP":
		return codec{"WebP", webpConfig, decodeWebP}, true
	case has("BM"):
		return codec{"BMP", plain(bmp.DecodeConfig), decodeBMP}, true
	}
	return codec{}, false
}
