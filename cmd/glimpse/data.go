package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/internal/progress"
)

func dataCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "data",
		Short: "The data sets: which are here, where to get them, whether they are whole",
		Long: `Data sets are looked for in the folders that GLIMPSE_DATA names, in ../shared/data beside the checkout, and in
your cache folder, in that order. Without any, every part of the lab draws its own pictures (Scenes).`,
		Example: examples("glimpse data list", "glimpse data get cifar10", "glimpse data verify flickr8k", "glimpse data show flickr8k --n 2"),
	}, dataListCommand(), dataGetCommand(), dataVerifyCommand(), dataShowCommand())
}

// dataEntry is one line of `glimpse data list`.
type dataEntry struct {
	Name        string         `json:"name"`
	Dir         string         `json:"dir"` // "" when it is not here
	Description string         `json:"description"`
	Source      string         `json:"source"`
	Terms       string         `json:"terms"`
	Publisher   string         `json:"publisher"`
	Splits      map[string]int `json:"splits"` // examples as published
	Get         string         `json:"get"`    // the command that brings it, or what to do by hand
}

func dataListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "The data sets that glimpse knows, and where they lie",
		Example: examples("glimpse data list", "glimpse data list --json"),
		Args:    wantArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var entries []dataEntry
			for _, e := range datasets.Catalogue() {
				entries = append(entries, newDataEntry(e))
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), entries)
			}
			for _, e := range entries {
				if err := e.print(cmd.OutOrStdout()); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON array")
	return cmd
}

func newDataEntry(e datasets.Entry) dataEntry {
	out := dataEntry{
		Name: e.Name, Description: e.Description, Source: e.Source, Terms: e.Terms, Publisher: e.Publisher,
		Splits: map[string]int{}, Get: "glimpse data get " + e.Name,
	}
	if !e.Downloadable() {
		out.Get = e.ByHand
	}
	for _, s := range e.Splits {
		out.Splits[s.Name] = s.Examples
	}
	if dir, err := datasets.Find(e.Name); err == nil {
		out.Dir = dir
	}
	return out
}

func (e dataEntry) print(w io.Writer) error {
	where := "here: " + e.Dir
	if e.Dir == "" {
		where = "not here; " + e.Get
	}
	_, err := fmt.Fprintf(w, "%s\n    %s\n    terms: %s\n    %s\n", e.Name, e.Description, e.Terms, where)
	return err
}

func dataGetCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "get NAME",
		Short: "Download a data set from its publisher",
		Long: `Get downloads a data set from its publisher into the first folder that GLIMPSE_DATA names, else into your cache
folder, and prints where it lies. A download that breaks off goes on where it stopped when you call get again;
nothing lies under its final name before its sha256 was checked. A data set whose publisher asks for registration
is not downloaded: the message says what to do.`,
		Example: examples("glimpse data get cifar10", "GLIMPSE_DATA=/big/disk glimpse data get cifar10"),
		Args:    wantArgs("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := getData(cmd, args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), map[string]string{"name": args[0], "dir": dir})
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), dir)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

func getData(cmd *cobra.Command, name string) (string, error) {
	entry, err := lookup(cmd, name)
	if err != nil {
		return "", err
	}
	if dir, err := datasets.Find(name); err == nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "glimpse: %s is here already\n", name)
		return dir, nil
	}
	into, err := datasets.CacheDir()
	if err != nil {
		return "", err
	}
	var bar *progress.Bar
	defer func() { bar.Done() }()
	current := ""
	return datasets.Get(cmd.Context(), entry, into, datasets.GetProgress{
		Step: func(step string, done, total int64) {
			if step != current {
				bar.Done()
				current = step
				bar = progress.New(cmd.ErrOrStderr(), name+": "+step, total, progress.Options{Bytes: step == "download"})
			}
			bar.Set(done)
		},
		Retry: func(why error, wait time.Duration) {
			fmt.Fprintf(cmd.ErrOrStderr(), "glimpse: %s; trying again in %s\n", sentence(why), wait.Round(time.Second))
		},
	})
}

// lookup is the catalogue's entry; a name that it does not have is a wrong call.
func lookup(cmd *cobra.Command, name string) (datasets.Entry, error) {
	entry, err := datasets.Lookup(name)
	if err != nil {
		var names []string
		for _, e := range datasets.Catalogue() {
			names = append(names, e.Name)
		}
		return entry, usagef(cmd, "expected one of the data sets %s, found %q%s", strings.Join(names, ", "), name, didYouMean("", name, names))
	}
	return entry, nil
}

func dataVerifyCommand() *cobra.Command {
	var asJSON bool
	var dir string
	cmd := &cobra.Command{
		Use:   "verify NAME",
		Short: "Read a data set from end to end: files, checksums, every picture",
		Long: `Verify reads a data set from end to end: whether the expected files are there, their sha256 where one is known,
how many examples each split has, and whether every picture can be decoded. The exit code is 1 when something is
not as it should be. Fewer examples than published are no fault: parts are in use too.`,
		Example: examples("glimpse data verify flickr8k", "glimpse data verify cifar10 --data /big/disk/cifar10 --json"),
		Args:    wantArgs("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := lookup(cmd, args[0]); err != nil {
				return err
			}
			folder, err := dataFolder(args[0], dir)
			if err != nil {
				return err
			}
			report, err := verifyData(cmd, args[0], folder)
			if err != nil {
				return err
			}
			if asJSON {
				err = printJSON(cmd.OutOrStdout(), struct {
					datasets.Report
					OK     bool     `json:"ok"`
					Faults []string `json:"faults"`
				}{report, report.OK(), append([]string{}, report.Faults()...)})
			} else {
				err = printVerified(cmd.OutOrStdout(), report)
			}
			if faults := report.Faults(); err == nil && len(faults) > 0 {
				err = fmt.Errorf("%s is not whole: %s; %d fault(s) in all", args[0], faults[0], len(faults))
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	cmd.Flags().StringVar(&dir, "data", "", "folder of the data set, instead of the one that is found")
	return cmd
}

// dataFolder is the folder that was named, else the one that is found.
func dataFolder(name, dir string) (string, error) {
	if dir != "" {
		return dir, nil
	}
	return datasets.Find(name)
}

func verifyData(cmd *cobra.Command, name, dir string) (datasets.Report, error) {
	var bar *progress.Bar
	defer func() { bar.Done() }()
	current := ""
	return datasets.Verify(cmd.Context(), name, dir, func(split string, done, total int) {
		if split != current {
			bar.Done()
			current = split
			bar = progress.New(cmd.ErrOrStderr(), name+"/"+split, int64(total), progress.Options{})
		}
		bar.Set(int64(done))
	})
}

func printVerified(w io.Writer, r datasets.Report) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%s in %s (%s)\n", r.Name, r.Dir, r.Layout)
	for _, f := range r.Files {
		state := "is there"
		switch {
		case f.Problem != "":
			state = f.Problem
		case f.Checked:
			state = "has the sha256 that is known"
		}
		fmt.Fprintf(&text, "    %-44s %s\n", f.Path, state)
	}
	for _, s := range r.Splits {
		fmt.Fprintf(&text, "    %-44s %d of %d published examples, %d captions, %d bad pictures, %d problems\n",
			s.Name, s.Examples, s.Published, s.Captions, len(s.Bad), len(s.Problems))
	}
	for _, fault := range r.Faults() {
		fmt.Fprintf(&text, "    fault: %s\n", fault)
	}
	_, err := io.WriteString(w, text.String())
	return err
}
