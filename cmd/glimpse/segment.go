package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/clip/segmenting"
	"github.com/glimpse-ml/glimpse/internal/atomicfile"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// segmented is what `glimpse segment --json` prints.
type segmented struct {
	File      string  `json:"file"`
	Text      string  `json:"text,omitempty"`
	Like      string  `json:"like,omitempty"`
	Threshold float64 `json:"threshold"`
	Share     float64 `json:"share"`         // of the pixels that the mask has
	Box       *boxed  `json:"box,omitempty"` // around them; none when there are none
	Out       string  `json:"out,omitempty"`
	Overlay   string  `json:"overlay,omitempty"`
}

// boxed is a box in pixels of the picture: its left upper corner, and its size.
type boxed struct {
	X      int `json:"x"`
	Y      int `json:"y"`
	Width  int `json:"width"`
	Height int `json:"height"`
}

// segmentFlags are the flags of `glimpse segment`.
type segmentFlags struct {
	run, like, likeMask, out, overlay string
	threshold                         float64
	asJSON                            bool
}

func segmentCommand() *cobra.Command {
	var f segmentFlags
	cmd := &cobra.Command{
		Use:   "segment --run RUNDIR IMAGE [TEXT]",
		Short: "Mask what a text names in a picture",
		Long: `Segment finds the pixels of what a text names, with a decoder that was trained to on what a CLIP sees (glimpse train
built/segmentation). The whole picture is squashed to the square that CLIP sees, and the mask stretched back to the
picture's size.

--like asks for it by an example picture in place of the text, or halfway between both. What is beside the object in
the example should be dark: --like-mask makes it so, with a picture that is light where the object is and dark
elsewhere, such as a mask that this command wrote.

--out writes the mask, white on black, --overlay the picture with all but the mask darkened. A pixel belongs to the
mask when its probability reaches --threshold. The decoder knows drawn scenes and answers whatever it is asked for: an
empty mask is an answer.`,
		Example: examples(
			`glimpse segment --run runs/segmentation scene.png "the red circle" --out mask.png`,
			`glimpse segment --run runs/segmentation scene.png "something green" --overlay seen.png --json`,
			`glimpse segment --run runs/segmentation scene.png --like other.png --like-mask mask.png --out found.png`),
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(cmd, args); err != nil {
				return err
			}
			return segment(cmd, f, args)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.run, "run", "", "`folder` of the run that trained the decoder, or of the model itself")
	flags.StringVar(&f.like, "like", "", "an example, a picture `file`")
	flags.StringVar(&f.likeMask, "like-mask", "", "picture `file` that is light where the example's object is")
	flags.StringVar(&f.out, "out", "", "PNG `file` to write the mask to")
	flags.StringVar(&f.overlay, "overlay", "", "PNG `file` to write the picture with its mask to")
	flags.Float64Var(&f.threshold, "threshold", 0, "probability from which on a pixel belongs to the mask (default: what did best in the run)")
	flags.BoolVar(&f.asJSON, "json", false, "print one JSON object")
	return cmd
}

// check refuses calls that are not whole.
func (f segmentFlags) check(cmd *cobra.Command, args []string) error {
	if err := requireFlags(cmd, "run"); err != nil {
		return err
	}
	switch {
	case len(args) == 0 || len(args) > 2:
		return usagef(cmd, "expected IMAGE and, unless there is --like, TEXT, found %d arguments", len(args))
	case len(args) == 1 && f.like == "":
		return usagef(cmd, "expected a TEXT or --like, found neither")
	case f.likeMask != "" && f.like == "":
		return usagef(cmd, "expected --like with --like-mask, found none")
	case cmd.Flags().Changed("threshold") && !(f.threshold > 0 && f.threshold < 1):
		return usagef(cmd, "expected --threshold to be between 0 and 1, found %g", f.threshold)
	}
	return nil
}

func segment(cmd *cobra.Command, f segmentFlags, args []string) error {
	picture, err := openPicture(args[0])
	if err != nil {
		return err
	}
	example, err := f.example()
	if err != nil {
		return err
	}
	m, err := segmenting.Load(f.run)
	if err != nil {
		return err
	}
	if !cmd.Flags().Changed("threshold") {
		f.threshold = m.Config.Threshold
	}
	b, err := backend.Open(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer b.Finalize()
	defer m.Close()
	condition, err := conditionOf(b, m, args[1:], example)
	if err != nil {
		return err
	}
	mask, err := m.Mask(b.Backend, picture, condition)
	if err != nil {
		return err
	}
	if err := f.save(picture, mask); err != nil {
		return err
	}
	return f.print(cmd, args, mask)
}

// example is the example picture, in the dark but for its object where a mask says where that is; nil without one.
func (f segmentFlags) example() (image.Image, error) {
	if f.like == "" {
		return nil, nil
	}
	picture, err := openPicture(f.like)
	if err != nil || f.likeMask == "" {
		return picture, err
	}
	light, err := openPicture(f.likeMask)
	if err != nil {
		return nil, err
	}
	b := light.Bounds()
	object := image.NewAlpha(image.Rect(0, 0, b.Dx(), b.Dy()))
	for y := range b.Dy() {
		for x := range b.Dx() {
			if color.GrayModel.Convert(light.At(b.Min.X+x, b.Min.Y+y)).(color.Gray).Y >= 128 {
				object.SetAlpha(x, y, color.Alpha{A: 255})
			}
		}
	}
	lit, err := segmenting.Spotlight(picture, object, segmenting.Light)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.likeMask, err)
	}
	return lit, nil
}

// conditionOf is what is looked for: a text, an example, or the middle between both.
func conditionOf(b *backend.Backend, m *segmenting.Model, texts []string, example image.Image) (condition []float32, err error) {
	var all [][]float32
	if len(texts) > 0 {
		if all, err = m.Texts(b.Backend, texts); err != nil {
			return nil, err
		}
	}
	if example != nil {
		seen, err := m.Examples(b.Backend, []image.Image{example})
		if err != nil {
			return nil, err
		}
		all = append(all, seen...)
	}
	condition = make([]float32, len(all[0]))
	for _, c := range all {
		for i, v := range c {
			condition[i] += v / float32(len(all))
		}
	}
	return condition, nil
}

// save writes the files, or none of them.
func (f segmentFlags) save(picture image.Image, mask *segmenting.Mask) error {
	var parts []atomicfile.Part
	add := func(path string, img image.Image) error {
		if path == "" {
			return nil
		}
		var b bytes.Buffer
		err := png.Encode(&b, img)
		parts = append(parts, atomicfile.Bytes(path, b.Bytes()))
		return err
	}
	if err := add(f.out, mask.Image(f.threshold)); err != nil {
		return err
	}
	if err := add(f.overlay, mask.Over(picture, f.threshold)); err != nil {
		return err
	}
	return atomicfile.WriteAll(parts...)
}

// print says how large the mask is and where.
func (f segmentFlags) print(cmd *cobra.Command, args []string, mask *segmenting.Mask) error {
	s := segmented{File: args[0], Like: f.like, Threshold: f.threshold, Out: f.out, Overlay: f.overlay}
	if len(args) > 1 {
		s.Text = args[1]
	}
	share, box := mask.Share(f.threshold)
	s.Share = share
	if !box.Empty() {
		s.Box = &boxed{box.Min.X, box.Min.Y, box.Dx(), box.Dy()}
	}
	if f.asJSON {
		return printJSON(cmd.OutOrStdout(), s)
	}
	where := "nothing found"
	if s.Box != nil {
		where = fmt.Sprintf("%.1f%% of the pixels, in the box of %d x %d pixels at %d, %d", 100*share, s.Box.Width, s.Box.Height, s.Box.X, s.Box.Y)
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", s.File, where)
	return err
}
