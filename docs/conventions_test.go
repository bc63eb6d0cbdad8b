package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// read is a file of the checkout.
func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Forms for issues are what GitHub takes: https://docs.github.com/en/communities/using-templates-to-encourage-useful-issues-and-pull-requests/syntax-for-issue-forms.
func TestIssueForms(t *testing.T) {
	type element struct {
		Type       string `yaml:"type"`
		ID         string `yaml:"id"`
		Attributes struct {
			Label       string   `yaml:"label"`
			Description string   `yaml:"description"`
			Placeholder string   `yaml:"placeholder"`
			Value       string   `yaml:"value"`
			Render      string   `yaml:"render"`
			Options     []string `yaml:"options"`
		} `yaml:"attributes"`
		Validations struct {
			Required bool `yaml:"required"`
		} `yaml:"validations"`
	}
	var form struct {
		Name        string    `yaml:"name"`
		Description string    `yaml:"description"`
		Title       string    `yaml:"title"`
		Labels      []string  `yaml:"labels"`
		Body        []element `yaml:"body"`
	}
	paths, err := filepath.Glob(filepath.Join(root, ".github/ISSUE_TEMPLATE/*.yml"))
	if err != nil || len(paths) < 4 {
		t.Fatalf("expected forms and their config.yml, found %q (%v)", paths, err)
	}
	for _, path := range paths {
		text := read(t, inCheckout(path))
		if filepath.Base(path) == "config.yml" {
			var config struct {
				Blank    *bool `yaml:"blank_issues_enabled"`
				Contacts []struct {
					Name  string `yaml:"name"`
					URL   string `yaml:"url"`
					About string `yaml:"about"`
				} `yaml:"contact_links"`
			}
			if err := yaml.UnmarshalWithOptions([]byte(text), &config, yaml.Strict()); err != nil || config.Blank == nil {
				t.Errorf("%s: %v", path, err)
			}
			continue
		}
		form.Body = nil
		if err := yaml.UnmarshalWithOptions([]byte(text), &form, yaml.Strict()); err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if form.Name == "" || form.Description == "" || len(form.Body) == 0 {
			t.Errorf("%s: a form needs a name, a description and a body", path)
		}
		ids := map[string]bool{}
		for _, e := range form.Body {
			switch {
			case !slices.Contains([]string{"markdown", "textarea", "input", "dropdown", "checkboxes"}, e.Type):
				t.Errorf("%s: there is no type %q", path, e.Type)
			case e.Type == "markdown" && e.Attributes.Value == "", e.Type != "markdown" && (e.Attributes.Label == "" || e.ID == "" || ids[e.ID]):
				t.Errorf("%s: expected an id of its own and a label, or a text, found %+v", path, e)
			case e.Type == "dropdown" && len(e.Attributes.Options) == 0:
				t.Errorf("%s: %s has nothing to choose from", path, e.ID)
			}
			ids[e.ID] = true
		}
	}
}

// CITATION.cff has what version 1.2.0 of the format asks for.
func TestCitation(t *testing.T) {
	var cff map[string]any
	if err := yaml.Unmarshal([]byte(read(t, "CITATION.cff")), &cff); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"cff-version", "message", "title", "authors", "license", "repository-code"} {
		if cff[key] == nil {
			t.Errorf("%s is missing", key)
		}
	}
	if cff["cff-version"] != "1.2.0" || cff["license"] != "Apache-2.0" || !strings.Contains(read(t, "LICENSE"), "Apache License") {
		t.Errorf("found version %v and license %v", cff["cff-version"], cff["license"])
	}
}

// CHANGELOG.md has the form of keepachangelog.com: versions, the newest first, and kinds of changes.
func TestChangelog(t *testing.T) {
	text := read(t, "CHANGELOG.md")
	version := regexp.MustCompile(`^## \[(Unreleased|\d+\.\d+\.\d+)\]( - \d{4}-\d{2}-\d{2})?$`)
	kinds := []string{"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
	versions := 0
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "### "):
			if !slices.Contains(kinds, line[4:]) || versions == 0 {
				t.Errorf("%q is no kind of change", line)
			}
		case strings.HasPrefix(line, "## "):
			versions++
			if m := version.FindStringSubmatch(line); m == nil || (m[1] == "Unreleased") != (m[2] == "") || (m[1] == "Unreleased") && versions > 1 {
				t.Errorf("%q is no version with its date", line)
			}
		}
	}
	if versions == 0 || !strings.Contains(text, "keepachangelog.com") {
		t.Errorf("found %d versions", versions)
	}
}

// .editorconfig says what the files are: its lines are sections and settings, and the Go files and the Makefile have tabs.
func TestEditorconfig(t *testing.T) {
	line := regexp.MustCompile(`^(\[[^\]]+\]|[a-z_]+ = [a-z0-9_-]+|#.*|)$`)
	text := read(t, ".editorconfig")
	for i, l := range strings.Split(text, "\n") {
		if !line.MatchString(l) {
			t.Errorf("line %d: %q", i+1, l)
		}
	}
	for _, want := range []string{"root = true", "[{*.go,go.mod,Makefile}]\nindent_style = tab"} {
		if !strings.Contains(text, want) {
			t.Errorf("expected %q", want)
		}
	}
}
