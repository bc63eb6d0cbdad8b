package main

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/markdown"
)

// root is the checkout.
const root = "../.."

// pages are the Markdown files of the checkout, by their paths in it.
func pages(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != root && (strings.HasPrefix(name, ".") && name != ".github" || name == "bin" || name == "runs" || name == "demo" || name == "sweeps" || name == "testdata") {
			return filepath.SkipDir
		}
		if filepath.Ext(name) != ".md" {
			return nil
		}
		text, err := os.ReadFile(path)
		all[strings.TrimPrefix(filepath.ToSlash(path), root+"/")] = string(text)
		return err
	})
	if err != nil || len(all) < 10 {
		t.Fatalf("expected the pages of the checkout, found %d (%v)", len(all), err)
	}
	return all
}

// isShell says whether a block of a page is commands for a shell.
func isShell(b markdown.Block) bool {
	return slices.Contains([]string{"", "sh", "bash", "console"}, b.Lang)
}

// Every command on a page is one that there is: its name, its flags, the number of its arguments, and the names of experiments, settings
// and data sets in it. So is every command that the help of a command shows, and every one that a Go comment does.
func TestCommandsOfPages(t *testing.T) {
	checked := 0
	check := func(where string, words []string) {
		checked++
		if err := checkCall(words); err != nil {
			t.Errorf("%s: %s: %v", where, strings.Join(words, " "), err)
		}
	}
	for path, text := range pages(t) {
		page := markdown.Read(text)
		for _, block := range page.Blocks {
			if !isShell(block) {
				continue
			}
			for _, words := range markdown.Commands(block.Text) {
				check(fmt.Sprintf("%s:%d", path, block.Line), words)
			}
		}
		for _, code := range page.Code { // `glimpse`, and `glimpse train NAME` in a sentence
			for _, words := range markdown.Commands(code.Target) {
				if words[0] == "glimpse" || words[0] == "bin/glimpse" || words[0] == "make" {
					check(fmt.Sprintf("%s:%d", path, code.Line), append(words, anything))
				}
			}
		}
	}
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, words := range markdown.Commands(cmd.Example) {
			check("help of "+cmd.CommandPath(), words)
		}
		for _, child := range cmd.Commands() {
			walk(child)
		}
	}
	walk(newRoot())
	for where, text := range commentCommands(t) {
		for _, words := range markdown.Commands(text) {
			check(where, words)
		}
	}
	if checked < 200 {
		t.Errorf("only %d commands were checked", checked)
	}
}

// commentCommands are the lines of Go comments that show a command, such as "//	glimpse train clip/lit    20 minutes", without what is said behind it.
func commentCommands(t *testing.T) map[string]string {
	t.Helper()
	shown := regexp.MustCompile(`(?m)^//\t((?:bin/)?glimpse [a-z].*?)(?:    .*)?$`)
	found := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range shown.FindAllSubmatch(text, -1) {
			found[strings.TrimPrefix(path, root+"/")] += string(m[1]) + "\n"
		}
		return err
	})
	if err != nil || len(found) < 5 {
		t.Fatalf("expected comments with commands, found them in %d files (%v)", len(found), err)
	}
	return found
}

// anything stands for what a sentence leaves out: it shows the beginning of a command.
const anything = "..."

// checkCall says what is wrong with a command, if anything is. It runs nothing. Of programs that are not the lab's it knows nothing.
func checkCall(words []string) error {
	switch name := filepath.Base(words[0]); name {
	case "glimpse":
		return checkGlimpse(words[1:])
	case "make":
		return checkMake(words[1:])
	case "go":
		return checkGo(words[1:])
	}
	return nil
}

func checkGlimpse(words []string) error {
	partial := len(words) > 0 && words[len(words)-1] == anything
	if partial {
		words = words[:len(words)-1]
	}
	if slices.Contains(words, anything) { // `glimpse sweep NAME ... --out DIR`
		words, partial = slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == anything }), true
	}
	for i, word := range words {
		if word == "N" || strings.HasPrefix(word, "$") { // a number of the reader's
			words[i] = "1"
		}
	}
	tree := newRoot()
	if err := checkCommand(tree, words); err != nil {
		return err
	}
	cmd, rest, err := tree.Find(words)
	if err != nil {
		return err
	}
	cmd.InitDefaultHelpFlag()
	if err := cmd.ParseFlags(rest); err != nil {
		if partial && strings.Contains(err.Error(), "flag needs an argument") { // `glimpse eval captions --data`
			return nil
		}
		return flagError(cmd, err)
	}
	args := cmd.Flags().Args()
	if help, err := cmd.Flags().GetBool("help"); err == nil && help {
		return nil
	}
	if !partial || len(args) > 0 && cmd.HasSubCommands() {
		if err := cmd.ValidateArgs(args); err != nil {
			return err
		}
	}
	return checkNames(cmd, args)
}

// placeholder says whether a word stands for one of the reader's: NAME, $seed, PATH/x.
func placeholder(word string) bool {
	return word == "" || strings.Contains(word, "$") || strings.ToUpper(word) == word
}

// checkNames checks the names of experiments, with their settings, and of data sets.
func checkNames(cmd *cobra.Command, args []string) error {
	if len(args) == 0 || placeholder(args[0]) {
		return nil
	}
	switch cmd.CommandPath() {
	case "glimpse train", "glimpse sweep":
		experiment, err := findExperiment(cmd, args[0])
		if err != nil {
			return err
		}
		form := experiments.Full
		if quick, _ := cmd.Flags().GetBool("quick"); quick {
			form = experiments.Quick
		}
		settings, _ := cmd.Flags().GetStringArray("set")
		_, err = experiment.Config(backend.Go, experiments.Options{Form: form, Overrides: overrides(settings)})
		return err
	case "glimpse data show", "glimpse data get", "glimpse data verify":
		_, err := datasets.Lookup(args[0])
		return err
	}
	return nil
}

// overrides are those of the settings whose value is none of the reader's.
func overrides(settings []string) (all []experiments.Override) {
	for _, text := range settings {
		o, err := experiments.ParseOverride(text)
		if readers := strings.ContainsAny(o.Value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ$") && o.Value == strings.ToUpper(o.Value); err == nil && !readers {
			all = append(all, o)
		}
	}
	return all
}

// checkMake says which of the targets the Makefile does not have.
func checkMake(words []string) error {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		return err
	}
	for _, word := range words {
		if strings.HasPrefix(word, "-") || strings.Contains(word, "=") || word == anything {
			continue
		}
		if !bytes.Contains(makefile, []byte("\n"+word+":")) {
			return fmt.Errorf("the Makefile has no target %q", word)
		}
	}
	return nil
}

// checkGo says which of the packages and files that the words name are not there.
func checkGo(words []string) error {
	for _, word := range words {
		if !strings.HasPrefix(word, "./") {
			continue
		}
		if _, err := os.Stat(filepath.Join(root, strings.TrimSuffix(word, "/..."))); err != nil {
			return err
		}
	}
	return nil
}

// A page with a mistake in a command is found out.
func TestCheckCall(t *testing.T) {
	for call, want := range map[string]string{
		"glimpse docter":                                              "did you mean doctor?",
		"bin/glimpse doctor --jsn":                                    "did you mean --json?",
		"glimpse train clipp":                                         "did you mean clip?",
		"glimpse train clip --set train.step=800":                     `did you mean "steps"?`,
		"glimpse train --list clip":                                   "expected no arguments",
		"glimpse data get flicker8k":                                  "known data set",
		"glimpse runs diff one":                                       "expected",
		"make tests":                                                  "no target",
		"go test ./experiment":                                        "no such file",
		"glimpse train clip --set train.steps=800":                    "",
		"glimpse train NAME --set key=value":                          "",
		"glimpse data get NAME ...":                                   "",
		"glimpse eval ...":                                            "",
		"glimpse train captions/flickr8k --set encoder=resnet:FOLDER": "",
	} {
		switch err := checkCall(strings.Fields(call)); {
		case want == "" && err != nil:
			t.Errorf("%s: %v", call, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: expected an error with %q, found %v", call, want, err)
		}
	}
}

// What is cheap is run: the help of every command that a page shows, and the lists.
func TestCheapCommandsOfPages(t *testing.T) {
	t.Setenv("GOMLX_BACKEND", "go")
	ran := map[string]bool{}
	for path, text := range pages(t) {
		for _, block := range markdown.Read(text).Blocks {
			if !isShell(block) {
				continue
			}
			for _, words := range markdown.Commands(block.Text) {
				if filepath.Base(words[0]) != "glimpse" {
					continue
				}
				cmd, _, err := newRoot().Find(words[1:])
				if err != nil {
					t.Fatal(err)
				}
				calls := [][]string{append(strings.Fields(cmd.CommandPath())[1:], "--help")}
				if slices.Contains(words, "--list") || slices.Contains(words, "--show") || slices.Contains([]string{"glimpse model list", "glimpse version"}, cmd.CommandPath()) {
					calls = append(calls, words[1:])
				}
				for _, call := range calls {
					line := strings.Join(call, " ")
					if ran[line] || slices.Contains(call, "--config") { // the reader's own file
						continue
					}
					ran[line] = true
					var out bytes.Buffer
					if err := execute(t.Context(), newRoot(), call, nil, &out, io.Discard); err != nil || out.Len() == 0 {
						t.Errorf("%s:%d: glimpse %s: %v, %d bytes on standard output", path, block.Line, line, err, out.Len())
					}
				}
			}
		}
	}
	if len(ran) < 20 {
		t.Errorf("only %d commands were run", len(ran))
	}
}
