package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/datasets/picture"
	"github.com/glimpse-ml/glimpse/internal/progress"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

// largestSize keeps one picture's tensor below a gigabyte.
const largestSize = 8192

// manyPictures take long enough for a bar.
const manyPictures = 20

func preprocessCommand() *cobra.Command {
	var size int
	var out string
	var exif bool
	cmd := &cobra.Command{
		Use:   "preprocess --size N --out F.safetensors IMAGE...",
		Short: "Pictures as the tensors that CLIP's image tower reads",
		Long: `Preprocess does what CLIP does to a picture before it looks at it, to the pixel: the short side is resized to N
(bicubic, antialiased, in the picture's own mode), the middle N x N pixels are cut out and become RGB, and the values
0..1 are normalised by CLIP's mean and standard deviation. F gets a tensor [3, N, N] for each picture, named as its file
without the ending, so no two pictures may share that.

As in CLIP, the orientation that a camera noted in EXIF data is ignored, unless --exif is given.`,
		Example: examples("glimpse preprocess --size 224 --out pictures.safetensors cat.jpg dog.png", "glimpse preprocess --size 336 --exif --out p.safetensors photos/*.jpg"),
		Args:    wantArgs("IMAGE..."),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := requireFlags(cmd, "size", "out"); err != nil {
				return err
			}
			if size < 1 || size > largestSize {
				return usagef(cmd, "expected --size to be 1 to %d pixels, found %d", largestSize, size)
			}
			return preprocess(cmd, args, size, exif, out)
		},
	}
	cmd.Flags().IntVar(&size, "size", 0, "pixels on each side")
	cmd.Flags().StringVar(&out, "out", "", "safetensors file to write, whole or not at all")
	cmd.Flags().BoolVar(&exif, "exif", false, "turn pictures upright as their EXIF data says")
	return cmd
}

func preprocess(cmd *cobra.Command, paths []string, size int, exif bool, out string) error {
	names, err := tensorNames(paths)
	if err != nil {
		return err
	}
	if err := checkOutput(out); err != nil {
		return err
	}
	bar := progress.New(cmd.ErrOrStderr(), "preprocessing", int64(len(paths)), progress.Options{Quiet: len(paths) < manyPictures})
	defer bar.Done()
	tensors := map[string]safetensors.Tensor{}
	for i, path := range paths {
		if err := cmd.Context().Err(); err != nil {
			return err
		}
		values, err := preprocessFile(path, size, exif)
		if err != nil {
			return err
		}
		tensors[names[i]] = safetensors.FromFloat32s(values, 3, size, size)
		bar.Set(int64(i + 1))
	}
	return safetensors.Write(out, tensors, nil)
}

func preprocessFile(path string, size int, exif bool) ([]float32, error) {
	img, err := picture.DecodeFile(path, picture.Limits{})
	if err != nil {
		return nil, err
	}
	if exif {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("%s: cannot read the picture: %w", path, reason(err))
		}
		img = picture.Orient(img, picture.Orientation(data))
	}
	rgb, err := picture.ShortSideCrop(img, size, picture.Bicubic)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var mean, std [3]float32
	for c := range 3 {
		mean[c], std[c] = float32(clip.PublishedMean[c]), float32(clip.PublishedStd[c])
	}
	return picture.ToCHW(rgb, mean, std), nil
}

// tensorNames are the names of files without folder and ending.
func tensorNames(paths []string) ([]string, error) {
	var names []string
	from := map[string]string{}
	for _, path := range paths {
		base := filepath.Base(path)
		name := strings.TrimSuffix(base, filepath.Ext(base))
		if name == "" { // ".png" is a name, not an ending
			name = base
		}
		if other, ok := from[name]; ok {
			return nil, fmt.Errorf("expected pictures whose names differ without their endings, found %s and %s, both %q; give them in two calls or rename one",
				other, path, name)
		}
		from[name] = path
		names = append(names, name)
	}
	return names, nil
}
