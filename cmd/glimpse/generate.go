package main

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color/palette"
	"image/draw"
	"image/gif"
	"image/png"
	"math"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/clip/diffusion"
	"github.com/glimpse-ml/glimpse/experiments/built/judge"
	"github.com/glimpse-ml/glimpse/internal/atomicfile"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/progress"
)

// generated is what `glimpse generate --json` prints.
type generated struct {
	Prompt   string             `json:"prompt"`
	N        int                `json:"n"`
	Seed     uint64             `json:"seed"`
	Scale    float64            `json:"scale"`
	Sampling diffusion.Sampling `json:"sampling"`
	Side     int                `json:"side"` // of each picture, in pixels of the model
	File     string             `json:"file"`
	GIF      string             `json:"gif,omitempty"`
}

// generateFlags are the flags of `glimpse generate`.
type generateFlags struct {
	run, out, gif string
	n, steps      int
	seed          uint64
	scale, eta    float64
	asJSON        bool
}

func generateCommand() *cobra.Command {
	var f generateFlags
	cmd := &cobra.Command{
		Use:   `generate --run RUNDIR --out FILE.png PROMPT`,
		Short: "Make pictures out of noise, with CLIP",
		Long: `Generate makes pictures of a prompt such as "a green square" with the model of a run of built/guided, a
diffusion model that knows no text and a CLIP that says in which direction to go; of built/unclip, a prior from the
text's CLIP embedding to a picture's and a decoder from there to pixels; or of built/latent or built/imagen, a network
that reads the text's tokens and makes noise into latents, which are decoded to pixels.

--n pictures are made from noise that depends on --seed alone, and are laid out in the order in which they were drawn;
none is left out. With one seed another prompt or another scale starts from the same noise. --scale is how strongly to
guide, and without the flag the one that did best in the run: by CLIP, where 0 is not at all; without a classifier, of
the other three, where 1 is not at all and 0 takes no notice of the text. --steps is how many steps are taken from noise
to picture, and --eta how much new noise each of them brings: 0 none (DDIM), 1 as much as DDPM's posterior.

--gif writes the way from noise to the pictures as an animation. --json prints one object.`,
		Example: examples(
			`glimpse generate --run runs/guided --n 16 --out grid.png "a green square"`,
			`glimpse generate --run runs/guided --scale 0 --out unguided.png "a green square"`,
			`glimpse generate --run runs/unclip --n 16 --out grid.png "a green square"`,
			`glimpse generate --run runs/latent --scale 4 --out grid.png --gif way.gif "a green square"`,
			`glimpse generate --run runs/guided --steps 100 --seed 7 --out grid.png --gif way.gif "a red cross"`),
		Args: wantArgs("PROMPT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := requireFlags(cmd, "run", "out"); err != nil {
				return err
			}
			switch {
			case f.n < 1 || f.n > 256:
				return usagef(cmd, "expected --n to be 1 to 256, found %d", f.n)
			case !(f.scale >= 0) || math.IsInf(f.scale, 1):
				return usagef(cmd, "expected --scale to be 0 or more, found %g", f.scale)
			}
			return generate(cmd, f, args[0])
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.run, "run", "", "`folder` of the run that trained the model, or of the model")
	flags.StringVar(&f.out, "out", "", "PNG `file` to write")
	flags.StringVar(&f.gif, "gif", "", "GIF `file` to write the way from noise to")
	flags.IntVar(&f.n, "n", 16, "pictures to make, `N`")
	flags.Uint64Var(&f.seed, "seed", 0, "of the noise")
	flags.Float64Var(&f.scale, "scale", 0, "how strongly to guide (default: what did best in the run)")
	flags.IntVar(&f.steps, "steps", 0, "steps from noise to picture (default: as in the run)")
	flags.Float64Var(&f.eta, "eta", 0, "new noise at each step, 0 to 1 (default: as in the run)")
	flags.BoolVar(&f.asJSON, "json", false, "print one JSON object")
	return cmd
}

func generate(cmd *cobra.Command, f generateFlags, prompt string) error {
	m, err := loadPainter(f.run)
	if err != nil {
		return err
	}
	sampling := m.sampling
	if !cmd.Flags().Changed("scale") {
		f.scale = m.scale
	}
	if cmd.Flags().Changed("steps") {
		sampling.Steps = f.steps
	}
	if cmd.Flags().Changed("eta") {
		sampling.Eta = f.eta
	}
	if err := sampling.Check(m.steps); err != nil {
		return usagef(cmd, "%s", err)
	}
	b, err := backend.Open(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer b.Finalize()
	text, err := m.read(cmd.Context(), b.Backend, slices.Repeat([]string{prompt}, f.n), f.seed)
	if err != nil {
		return err
	}
	defer text.FinalizeAll()
	sampler, err := m.sampler(b.Backend, sampling)
	if err != nil {
		return err
	}
	defer sampler.Close()
	paint, done, err := m.paint(b.Backend)
	if err != nil {
		return err
	}
	defer done()
	side, columns := m.side, int(math.Ceil(math.Sqrt(float64(f.n))))
	grid := func(made []float32) (*image.RGBA, error) {
		pictures, err := paint(made)
		if err != nil {
			return nil, err
		}
		tiled := judge.Tiled(pictures, side, columns, 1)
		return judge.Enlarged(tiled, tiled.Rect, 6), nil
	}
	bar := progress.New(cmd.ErrOrStderr(), "out of noise", int64(sampling.Steps), progress.Options{})
	var way gif.GIF
	var unpainted error
	made, err := sampler.Sample(cmd.Context(), f.seed, 0, f.n, f.scale, []*tensors.Tensor{text}, func(t int, noised, _ []float32) {
		bar.Add(1)
		if f.gif == "" || unpainted != nil {
			return
		}
		var frame *image.RGBA
		if frame, unpainted = grid(noised); unpainted == nil {
			addFrame(&way, frame, t == 0)
		}
	})
	bar.Done()
	if err := errors.Join(err, unpainted); err != nil {
		return err
	}
	last, err := grid(made)
	if err != nil {
		return err
	}
	if err := saveGenerated(f, last, &way); err != nil {
		return err
	}
	if f.asJSON {
		return printJSON(cmd.OutOrStdout(), generated{prompt, f.n, f.seed, f.scale, sampling, side, f.out, f.gif})
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %d pictures of %q, scale %g, %d steps, seed %d\n", f.out, f.n, prompt, f.scale, sampling.Steps, f.seed)
	return err
}

// addFrame adds a frame to an animation; the last one is shown for longer.
func addFrame(way *gif.GIF, img *image.RGBA, last bool) {
	frame := image.NewPaletted(img.Rect, palette.Plan9)
	draw.Draw(frame, img.Rect, img, image.Point{}, draw.Src)
	delay := 8 // hundredths of a second
	if last {
		delay = 300
	}
	way.Image, way.Delay = append(way.Image, frame), append(way.Delay, delay)
}

// saveGenerated writes the files, or none of them.
func saveGenerated(f generateFlags, grid *image.RGBA, way *gif.GIF) error {
	var picture, animation bytes.Buffer
	if err := png.Encode(&picture, grid); err != nil {
		return err
	}
	parts := []atomicfile.Part{atomicfile.Bytes(f.out, picture.Bytes())}
	if f.gif != "" {
		if err := gif.EncodeAll(&animation, way); err != nil {
			return err
		}
		parts = append(parts, atomicfile.Bytes(f.gif, animation.Bytes()))
	}
	return atomicfile.WriteAll(parts...)
}
