package picture

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"io"
	"slices"
	"testing"
)

// Numbers of Pillow 9.4 and torchvision 0.14:
//
//	im = Image.open(16-bit grey PNG)  # mode I
//	CenterCrop(n)(Resize(n, interpolation=BICUBIC)(im)).convert("RGB")
func TestGreyOf16BitsIsClipped(t *testing.T) {
	values := []uint16{0, 100, 200, 300, 65535, 400, 5, 60, 70, 90, 10, 20, 30, 250, 1000}
	img := image.NewGray16(image.Rect(0, 0, 5, 3))
	for i, v := range values {
		img.SetGray16(i%5, i/5, color.Gray16{Y: v})
	}
	decoded, err := Decode("wide.png", asPNG(t, img), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range map[int][]uint8{
		2: {114, 0, 94, 133},
		4: {70, 165, 0, 255, 87, 70, 0, 255, 63, 5, 255, 0, 13, 11, 81, 255},
	} {
		rgb, err := ShortSideCrop(decoded, n, Bicubic)
		if err != nil {
			t.Fatal(err)
		}
		var got []uint8
		for i := 0; i < len(rgb.Pix); i += 3 {
			got = append(got, rgb.Pix[i])
		}
		if !slices.Equal(got, want) {
			t.Errorf("%dx%d: %v, want %v", n, n, got, want)
		}
	}
}

// What Go's decoders drop and Pillow keeps: the colour of a GIF's transparent entry, and Pillow's greys for indices that a
// PNG's palette does not have.
func TestPalettesAreWhole(t *testing.T) {
	p := image.NewPaletted(image.Rect(0, 0, 3, 1), color.Palette{color.RGBA{200, 10, 20, 255}, color.RGBA{}, color.RGBA{1, 2, 3, 255}})
	copy(p.Pix, []uint8{1, 0, 2})
	data := encode(t, func(w io.Writer) error { return gif.Encode(w, p, nil) })
	copy(data[13+3:], []uint8{90, 80, 70}) // the transparent entry's colour, in the global palette
	img, err := Decode("a.gif", data, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := ToRGB(img).Pix, []uint8{90, 80, 70, 200, 10, 20, 1, 2, 3}; !slices.Equal(got, want) {
		t.Errorf("a GIF's transparent entry: %v, want %v", got, want)
	}

	p = image.NewPaletted(image.Rect(0, 0, 2, 1), color.Palette{color.White, color.Black, color.White})
	copy(p.Pix, []uint8{0, 3})
	img, err = Decode("a.png", encode(t, func(w io.Writer) error { return png.Encode(w, p) }), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := ToRGB(img).Pix, []uint8{255, 255, 255, 3, 3, 3}; !slices.Equal(got, want) {
		t.Errorf("an index beyond a PNG's palette: %v, want %v", got, want)
	}
}

// exifData is EXIF with one entry, the orientation.
func exifData(order binary.AppendByteOrder, magic string, orientation uint16) []byte {
	tiff := order.AppendUint32([]byte(magic), 8)
	tiff = order.AppendUint16(tiff, 1)
	for _, v := range []uint16{0x0112, 3} {
		tiff = order.AppendUint16(tiff, v)
	}
	tiff = order.AppendUint32(tiff, 1)
	tiff = order.AppendUint16(tiff, orientation)
	return append(tiff, 0, 0, 0, 0, 0, 0)
}

func withExif(t testing.TB, format string, exif []byte) []byte {
	img := photo(4, 3)
	if format == "jpeg" {
		data := asJPEG(t, img)
		segment := binary.BigEndian.AppendUint16([]byte{0xFF, 0xE1}, uint16(len(exif)+8))
		return slices.Concat(data[:2], segment, []byte("Exif\x00\x00"), exif, data[2:])
	}
	data := asPNG(t, img)
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(exif)))
	return slices.Concat(data[:33], chunk, []byte("eXIf"), exif, []byte{0, 0, 0, 0}, data[33:])
}

func TestOrientation(t *testing.T) {
	for o := range uint16(9) {
		want := int(max(o, 1))
		for _, format := range []string{"jpeg", "png"} {
			if got := Orientation(withExif(t, format, exifData(binary.BigEndian, "MM\x00*", o))); got != want {
				t.Errorf("%s, big-endian: orientation %d, want %d", format, got, want)
			}
			if got := Orientation(withExif(t, format, exifData(binary.LittleEndian, "II*\x00", o))); got != want {
				t.Errorf("%s, little-endian: orientation %d, want %d", format, got, want)
			}
		}
	}
	// The picture 1 2 / 3 4 / 5 6 as it looks when it was stored with each orientation (EXIF 2.3, table of 0x0112).
	stored := &image.Gray{Pix: []uint8{1, 2, 3, 4, 5, 6}, Stride: 2, Rect: image.Rect(0, 0, 2, 3)}
	for o, want := range [][]uint8{
		1: {1, 2, 3, 4, 5, 6}, 2: {2, 1, 4, 3, 6, 5}, 3: {6, 5, 4, 3, 2, 1}, 4: {5, 6, 3, 4, 1, 2},
		5: {1, 3, 5, 2, 4, 6}, 6: {5, 3, 1, 6, 4, 2}, 7: {6, 4, 2, 5, 3, 1}, 8: {2, 4, 6, 1, 3, 5},
	} {
		if o == 0 {
			continue
		}
		got := Orient(stored, o).(*image.Gray)
		if !bytes.Equal(got.Pix, want) || got.Rect.Dx() != []int{2, 3}[min(o/5, 1)] {
			t.Errorf("orientation %d: %v in %v, want %v", o, got.Pix, got.Rect, want)
		}
	}
}

func FuzzOrientation(f *testing.F) {
	f.Add(withExif(f, "jpeg", exifData(binary.BigEndian, "MM\x00*", 6)))
	f.Add(withExif(f, "png", exifData(binary.LittleEndian, "II*\x00", 8)))
	f.Add([]byte("RIFF\xff\xff\xff\xffWEBPEXIF\xff\xff\xff\xffII*\x00\xff\xff\xff\xff"))
	f.Add([]byte("RIFF\x20\x00\x00\x00WEBPEXIF\x0a\x00\x00\x00II*\x00\x08\x00\x00\x00\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if o := Orientation(data); o < 1 || o > 8 {
			t.Errorf("orientation %d", o)
		}
	})
}
