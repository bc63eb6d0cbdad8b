package picture

import (
	"bytes"
	"encoding/binary"
	"image"
)

// Orientation is how a camera was held, as the EXIF data of a JPEG, PNG or WebP file says: 1 (upright) to 8, and 1 for
// whatever says nothing or nonsense. [Orient] turns the picture upright.
func Orientation(data []byte) int {
	var exif []byte
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xd8")):
		exif = exifOfJPEG(data)
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")):
		exif = chunk(data[8:], "eXIf", binary.BigEndian, false)
	case bytes.HasPrefix(data, []byte("RIFF")) && len(data) >= 12:
		exif = chunk(data[12:], "EXIF", binary.LittleEndian, true)
	}
	return tiffOrientation(bytes.TrimPrefix(exif, []byte("Exif\x00\x00")))
}

// exifOfJPEG is the content of the first APP1 segment that holds EXIF data, nil when there is none before the pixels.
func exifOfJPEG(data []byte) []byte {
	for at := 2; at+4 <= len(data); {
		marker, size := data[at+1], int(binary.BigEndian.Uint16(data[at+2:]))
		switch {
		case data[at] != 0xFF, marker == 0xDA, marker == 0xD9:
			return nil
		case marker == 0xFF: // a byte to fill
			at++
			continue
		case size < 2 || at+2+size > len(data):
			return nil
		}
		if body := data[at+4 : at+2+size]; marker == 0xE1 && bytes.HasPrefix(body, []byte("Exif\x00\x00")) {
			return body
		}
		at += 2 + size
	}
	return nil
}

// chunk finds a chunk of a PNG file (length, name, data, checksum) or of a RIFF file (name, length, data, padded to even).
func chunk(data []byte, name string, order binary.ByteOrder, riff bool) []byte {
	for len(data) >= 8 {
		id, size := string(data[4:8]), uint64(order.Uint32(data))
		after := size + 4
		if riff {
			id, size = string(data[:4]), uint64(order.Uint32(data[4:]))
			after = size + size%2
		}
		data = data[8:]
		if id == name && size <= uint64(len(data)) {
			return data[:size]
		}
		if after > uint64(len(data)) {
			return nil
		}
		data = data[after:]
	}
	return nil
}

// tiffOrientation reads the tag Orientation (0x0112, a number of 16 bits) in the first directory of a TIFF structure.
func tiffOrientation(tiff []byte) int {
	const upright = 1
	if len(tiff) < 8 {
		return upright
	}
	var order binary.ByteOrder
	switch string(tiff[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return upright
	}
	start := uint64(order.Uint32(tiff[4:]))
	if start+2 > uint64(len(tiff)) {
		return upright
	}
	entries := tiff[start+2:]
	for range order.Uint16(tiff[start:]) {
		if len(entries) < 12 {
			break
		}
		if order.Uint16(entries) == 0x0112 && order.Uint16(entries[2:]) == 3 && order.Uint32(entries[4:]) == 1 {
			if o := int(order.Uint16(entries[8:])); o >= 1 && o <= 8 {
				return o
			}
			break
		}
		entries = entries[12:]
	}
	return upright
}

// Orient turns a picture upright that was stored with the given [Orientation], in its own mode.
func Orient(img image.Image, orientation int) image.Image {
	if orientation < 2 || orientation > 8 {
		return img
	}
	src := load(img, image.Rectangle{Max: img.Bounds().Size()})
	w, h := src.w, src.h
	if orientation >= 5 {
		w, h = h, w
	}
	dst := newRaster(src.mode, w, h)
	dst.palette = src.palette
	for y := range h {
		for x := range w {
			fx, fy := x, y // where the pixel at x, y was stored
			switch orientation {
			case 2:
				fx = w - 1 - x
			case 3:
				fx, fy = w-1-x, h-1-y
			case 4:
				fy = h - 1 - y
			case 5:
				fx, fy = y, x
			case 6:
				fx, fy = y, w-1-x
			case 7:
				fx, fy = h-1-y, w-1-x
			case 8:
				fx, fy = h-1-y, x
			}
			dst.copyPixel(y*w+x, src, fy*src.w+fx)
		}
	}
	return dst.picture()
}
