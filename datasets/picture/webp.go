package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"

	"golang.org/x/image/vp8"
	"golang.org/x/image/vp8l"
	"golang.org/x/image/webp"
)

// webpConfig walks the chunks itself: the canvas in an extended header (VP8X) and the size in the bitstream are
// two numbers in the file, the decoder allocates by the second, and a hostile file lets them differ.
func webpConfig(_ io.Reader, data []byte) (image.Config, error) {
	var canvas, frame image.Config
	for at := 12; at+8 <= len(data); {
		id, size := string(data[at:at+4]), int(binary.LittleEndian.Uint32(data[at+4:]))
		body := data[at+8 : min(at+8+size, len(data))]
		switch id {
		case "VP8X":
			if len(body) < 10 {
				return canvas, io.ErrUnexpectedEOF
			}
			if body[0]&2 != 0 {
				return canvas, errors.New("it is an animation, which cannot be read; save its first frame as a still picture")
			}
			canvas.Width = 1 + (int(body[4]) | int(body[5])<<8 | int(body[6])<<16)
			canvas.Height = 1 + (int(body[7]) | int(body[8])<<8 | int(body[9])<<16)
		case "VP8 ":
			d := vp8.NewDecoder()
			d.Init(bytes.NewReader(body), len(body))
			h, err := d.DecodeFrameHeader()
			if err != nil {
				return frame, err
			}
			frame.Width, frame.Height = h.Width, h.Height
		case "VP8L":
			var err error
			if frame, err = vp8l.DecodeConfig(bytes.NewReader(body)); err != nil {
				return frame, err
			}
		}
		if frame.Width > 0 {
			if canvas.Width > 0 && (canvas.Width != frame.Width || canvas.Height != frame.Height) {
				return frame, fmt.Errorf("the header says %dx%d pixels and the frame %dx%d", canvas.Width, canvas.Height, frame.Width, frame.Height)
			}
			return frame, nil
		}
		at += 8 + size + size&1
	}
	return frame, io.ErrUnexpectedEOF
}

// decodeWebP converts lossy pictures to RGB here, because their YCbCr is not image.YCbCr's: VP8 has luma in 16..235
// (RFC 6386, section 9.2), Go's type the full range of JFIF.
func decodeWebP(r io.Reader, data []byte, _ image.Config) (image.Image, error) {
	if lossless := chunk(data[12:], "VP8L", binary.LittleEndian, true); lossless != nil {
		// x/image v0.33.0 refuses one with alpha behind an extended header, such as one with EXIF data.
		return vp8l.Decode(bytes.NewReader(lossless))
	}
	img, err := webp.Decode(r)
	if err != nil {
		return nil, err
	}
	switch m := img.(type) {
	case *image.YCbCr:
		return webpRGB(m), nil
	case *image.NYCbCrA:
		rgb := webpRGB(&m.YCbCr)
		if len(m.A) < rgb.H*m.AStride || m.AStride < rgb.W {
			return nil, fmt.Errorf("expected %dx%d alpha values, found %d", rgb.W, rgb.H, len(m.A))
		}
		out := image.NewNRGBA(image.Rect(0, 0, rgb.W, rgb.H))
		for i := range rgb.W * rgb.H {
			copy(out.Pix[4*i:4*i+3], rgb.Pix[3*i:3*i+3])
			out.Pix[4*i+3] = m.A[i/rgb.W*m.AStride+i%rgb.W]
		}
		return out, nil
	}
	return img, nil
}

// webpRGB is libwebp's default output: "fancy" upsampling (each chroma value from its four neighbours, weights
// 9:3:3:1, with libwebp's own rounding) and its fixed-point BT.601 conversion.
func webpRGB(m *image.YCbCr) *RGB {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	out := NewRGB(w, h)
	u, v := make([]uint8, w), make([]uint8, w)
	cw, ch := (w+1)/2, (h+1)/2
	for y := range h {
		near := y / 2
		far := near + 1
		if y%2 == 0 {
			far = near - 1
		}
		far = max(0, min(far, ch-1))
		upsampleWebP(u, m.Cb[near*m.CStride:][:cw], m.Cb[far*m.CStride:][:cw])
		upsampleWebP(v, m.Cr[near*m.CStride:][:cw], m.Cr[far*m.CStride:][:cw])
		row, luma := out.Pix[3*w*y:3*w*(y+1)], m.Y[y*m.YStride:]
		for x := range w {
			yy, uu, vv := int(luma[x]), int(u[x]), int(v[x])
			l := yy * 19077 >> 8
			row[3*x] = clip6(l + vv*26149>>8 - 14234)
			row[3*x+1] = clip6(l - uu*6419>>8 - vv*13320>>8 + 8708)
			row[3*x+2] = clip6(l + uu*33050>>8 - 17685)
		}
	}
	return out
}

func upsampleWebP(dst, near, far []uint8) {
	last := len(near) - 1
	for x := range dst {
		c := x / 2
		o := c + 1
		if x%2 == 0 {
			o = c - 1
		}
		if o < 0 || o > last {
			dst[x] = uint8((3*int(near[c]) + int(far[c]) + 2) >> 2)
			continue
		}
		a, b, p, q := int(near[c]), int(near[o]), int(far[c]), int(far[o])
		dst[x] = uint8(((a+b+p+q+8+2*(b+p))>>3 + a) >> 1)
	}
}

func clip6(v int) uint8 { return uint8(max(0, min(v>>6, 255))) }
