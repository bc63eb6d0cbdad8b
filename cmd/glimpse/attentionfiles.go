package main

import (
	"fmt"
	"image/gif"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/experiments/captioner"
	"github.com/glimpse-ml/glimpse/internal/atomicfile"
	"github.com/glimpse-ml/glimpse/plots"
)

// attentionFiles are the names of the files that `glimpse caption` shows attention in; none where they are empty.
type attentionFiles struct {
	page       string // of all pictures
	strip, gif string // of one picture
}

func (f *attentionFiles) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.page, "attention", "", "HTML `file` to write, on which every word shows where the captioner looked")
	cmd.Flags().StringVar(&f.strip, "strip", "", "`file` to write (.png or .svg) of one picture for each word, bright where the captioner looked")
	cmd.Flags().StringVar(&f.gif, "gif", "", "animated GIF `file` to write (.gif), one frame a word, the caption growing below")
}

// check finds what cannot be written before there is any work done.
func (f attentionFiles) check(cmd *cobra.Command, pictures int) error {
	for _, one := range []struct{ flag, path string }{{"strip", f.strip}, {"gif", f.gif}} {
		if one.path != "" && pictures != 1 {
			return usagef(cmd, "expected one IMAGE with --%s, found %d; --attention shows several on a page", one.flag, pictures)
		}
	}
	if name := strings.ToLower(f.strip); name != "" && !strings.HasSuffix(name, ".png") && !strings.HasSuffix(name, ".svg") {
		return usagef(cmd, "expected --strip to name a file that ends in .png or .svg, found %q", f.strip)
	}
	if f.gif != "" && !strings.HasSuffix(strings.ToLower(f.gif), ".gif") {
		return usagef(cmd, "expected --gif to name a file that ends in .gif, found %q", f.gif)
	}
	for _, path := range []string{f.page, f.strip, f.gif} {
		if path == "" {
			continue
		}
		if err := checkOutput(path); err != nil {
			return err
		}
	}
	return nil
}

// show writes the files of one picture.
func (f attentionFiles) show(cmd *cobra.Command, n named, d captioner.Described) error {
	if f.strip == "" && f.gif == "" {
		return nil
	}
	if len(d.Words) == 0 {
		return fmt.Errorf("%s: the captioner wrote nothing, so there is no word to show its attention for; draw another caption with --sample", n.file)
	}
	cfg := plots.AttentionConfig{Title: strings.Join(d.Words, " "), Picture: n.picture, Rows: d.Rows, Cols: d.Cols}
	looks := looksOf(d)
	if f.strip != "" {
		strip := cfg
		for _, l := range looks {
			strip.Words, strip.Weights, strip.Notes = append(strip.Words, l.Word), append(strip.Weights, l.Weights), append(strip.Notes, l.short())
		}
		if err := saveStrip(strip, f.strip); err != nil {
			return fmt.Errorf("%s: %w", n.file, err)
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "glimpse: the strip is in %s\n", f.strip)
	}
	if f.gif != "" {
		film := cfg
		for _, l := range looks[:len(d.Words)] {
			film.Words, film.Weights, film.Notes = append(film.Words, l.Word), append(film.Weights, l.Weights), append(film.Notes, l.line())
		}
		if err := saveGIF(film, f.gif); err != nil {
			return fmt.Errorf("%s: %w", n.file, err)
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "glimpse: the animation is in %s\n", f.gif)
	}
	return nil
}

func saveStrip(cfg plots.AttentionConfig, path string) error {
	figure, err := plots.AttentionStrip(cfg)
	if err != nil {
		return err
	}
	return figure.Save(path)
}

func saveGIF(cfg plots.AttentionConfig, path string) error {
	animation, err := plots.AttentionGIF(cfg)
	if err != nil {
		return err
	}
	return atomicfile.Write(path, func(w io.Writer) error { return gif.EncodeAll(w, animation) })
}
