package clip

import (
	"encoding/json"
	"fmt"
	"image"

	"github.com/glimpse-ml/glimpse/datasets/picture"
)

// Preprocess gives a picture the model's size and normalises it: [H, W, 3].
func (m *Model) Preprocess(img image.Image) ([]float32, error) {
	v := m.Config.Vision
	var rgb *picture.RGB
	var err error
	if v.Resize == ShortSide {
		rgb, err = picture.ShortSideCrop(img, v.Height, picture.Bicubic)
	} else {
		rgb, err = picture.ResizeCrop(img, v.Width, v.Height, image.Rect(0, 0, v.Width, v.Height), picture.Bicubic)
	}
	if err != nil {
		return nil, err
	}
	return m.Normalize(rgb), nil
}

// Normalize is the second half of [Model.Preprocess], for pixels that already have the model's size.
func (m *Model) Normalize(rgb *picture.RGB) []float32 {
	mean, std := m.Config.Vision.Mean, m.Config.Vision.Std
	return picture.ToHWC(rgb, single(mean), single(std))
}

func single(v [3]float64) [3]float32 {
	return [3]float32{float32(v[0]), float32(v[1]), float32(v[2])}
}

// hfPreprocessor is Hugging Face's preprocessor_config.json. A size is a number, {"shortest_edge": n} or
// {"height": n, "width": n}.
type hfPreprocessor struct {
	Mean       *[3]float64     `json:"image_mean"`
	Std        *[3]float64     `json:"image_std"`
	Size       json.RawMessage `json:"size"`
	Crop       json.RawMessage `json:"crop_size"`
	CenterCrop *bool           `json:"do_center_crop"`
	Resample   *int            `json:"resample"` // Pillow's number of the filter
	Rescale    *float64        `json:"rescale_factor"`
	DoResize   *bool           `json:"do_resize"`
	DoRescale  *bool           `json:"do_rescale"`
	DoMean     *bool           `json:"do_normalize"`
}

// pillowBicubic is Pillow's number of that filter.
const pillowBicubic = 3

// readPreprocessor takes the constants of a file preprocessor_config.json, where there is one.
func (v *VisionConfig) readPreprocessor(path string) error {
	var p hfPreprocessor
	found, err := readJSONFile(path, &p)
	if err != nil || !found {
		return err
	}
	for name, does := range map[string]*bool{"do_resize": p.DoResize, "do_rescale": p.DoRescale, "do_normalize": p.DoMean} {
		if does != nil && !*does {
			return fmt.Errorf("%s: expected %s to be true, as for all of CLIP's pictures, found false; correct it, or prepare the pictures with the "+
				"program that the file is for", path, name)
		}
	}
	if p.Mean != nil {
		v.Mean = *p.Mean
	}
	if p.Std != nil {
		v.Std = *p.Std
	}
	if p.Resample != nil && *p.Resample != pillowBicubic {
		return fmt.Errorf("%s: expected resample %d (bicubic), with which CLIP's pictures are resized, found %d", path, pillowBicubic, *p.Resample)
	}
	if p.Rescale != nil && (*p.Rescale < 1/255.1 || *p.Rescale > 1/254.9) {
		return fmt.Errorf("%s: expected rescale_factor 1/255, found %g", path, *p.Rescale)
	}
	size, short, err := pictureSize(p.Size)
	if err != nil {
		return fmt.Errorf("%s: size: %w", path, err)
	}
	final := size
	if cropped := p.CenterCrop == nil || *p.CenterCrop; cropped && len(p.Crop) > 0 {
		if final, _, err = pictureSize(p.Crop); err != nil {
			return fmt.Errorf("%s: crop_size: %w", path, err)
		}
	}
	if len(p.Size) > 0 {
		v.Resize = Squash
		if short {
			v.Resize = ShortSide
		}
	}
	if final != [2]int{} && final != [2]int{v.Height, v.Width} || size != [2]int{} && size != final {
		return fmt.Errorf("%s: expected pictures of %dx%d pixels, which is what the model's positional embedding is for, found size %s and crop_size %s",
			path, v.Height, v.Width, p.Size, p.Crop)
	}
	return nil
}

// pictureSize reads a size; short says that it is that of the short side.
func pictureSize(raw json.RawMessage) (size [2]int, short bool, err error) {
	if len(raw) == 0 {
		return size, true, nil
	}
	var n int
	if json.Unmarshal(raw, &n) == nil {
		return [2]int{n, n}, true, nil
	}
	var parts struct {
		Short  int `json:"shortest_edge"`
		Height int `json:"height"`
		Width  int `json:"width"`
	}
	if err := json.Unmarshal(raw, &parts); err != nil {
		return size, false, err
	}
	if parts.Short > 0 {
		return [2]int{parts.Short, parts.Short}, true, nil
	}
	return [2]int{parts.Height, parts.Width}, false, nil
}
