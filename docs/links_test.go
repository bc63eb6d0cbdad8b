package docs_test

import (
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/markdown"
)

// Every link leads somewhere: to a file or a folder of the checkout, to an anchor that is there, or, by its form, to another machine.
func TestLinks(t *testing.T) {
	all := pages(t)
	checked := 0
	for from, page := range all {
		for _, link := range page.Links {
			checked++
			if problem := follow(all, from, link.Target); problem != "" {
				t.Errorf("%s:%d: %s: %s", from, link.Line, link.Target, problem)
			}
		}
	}
	if checked < 100 {
		t.Errorf("only %d links were checked", checked)
	}
}

// follow says what is wrong with a link, if anything is.
func follow(all map[string]*markdown.Page, from, target string) string {
	u, err := url.Parse(target)
	switch {
	case err != nil:
		return err.Error()
	case u.Scheme == "data", u.Scheme == "mailto":
		return ""
	case u.Scheme != "" || u.Host != "":
		return external(u)
	case strings.HasPrefix(u.Path, "/"):
		return "expected a path from the page, found one of a machine"
	}
	to := from
	if u.Path != "" {
		to = path.Join(path.Dir(from), u.Path)
	}
	if to != "." && !fs.ValidPath(to) {
		return "it leads out of the checkout"
	}
	if _, err := os.Stat(filepath.Join(root, to)); err != nil {
		return "there is no such file"
	}
	if page, ok := all[to]; ok && u.Fragment != "" && !page.Anchors[u.Fragment] {
		return "the page has no such heading"
	}
	return ""
}

// external looks at the form of an address: tests have no network.
func external(u *url.URL) string {
	host := u.Hostname()
	switch {
	case u.Scheme != "https":
		return "expected https"
	case host == "localhost", strings.Trim(host, "0123456789.:") == "", !strings.Contains(host, "."):
		return "expected a host that everybody can reach"
	case u.User != nil:
		return "it holds a name or a password"
	}
	return ""
}

// A link that leads nowhere is found out.
func TestFollow(t *testing.T) {
	all := map[string]*markdown.Page{"docs/README.md": markdown.Read("# Title\n"), "README.md": markdown.Read("## Using it\n")}
	for target, good := range map[string]bool{
		"../README.md": true, "../README.md#using-it": true, "#title": true, "blocks_test.go": true, "images": true, "https://arxiv.org/abs/2103.00020": true,
		"../README.md#usage": false, "#titles": false, "nosuch.md": false, "/README.md": false, "../../README.md": false,
		"http://example.org": false, "https://localhost/x": false, "https://127.0.0.1:8888": false, "https://me:secret@example.org": false,
	} {
		if problem := follow(all, "docs/README.md", target); (problem == "") != good {
			t.Errorf("%s: found %q", target, problem)
		}
	}
}

var (
	linked = regexp.MustCompile(`(?:href|src)="([^"#{][^"]*)"`)
	script = regexp.MustCompile(`(?s)<script.*?</script>|<style.*?</style>`)
)

// The HTML pages of docs, if there are any, lead somewhere too, and so do those made of templates as far as their text stands.
func TestLinksOfHTML(t *testing.T) {
	looked := 0
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && file != root && skipped(d.Name()) {
			return filepath.SkipDir
		}
		if filepath.Ext(file) != ".html" {
			return nil
		}
		looked++
		text, err := os.ReadFile(file)
		for _, m := range linked.FindAllSubmatch(script.ReplaceAll(text, nil), -1) {
			target := string(m[1])
			if strings.Contains(target, "{{") || strings.HasPrefix(target, "data:") {
				continue // a template's own
			}
			if problem := follow(nil, inCheckout(file), target); problem != "" {
				t.Errorf("%s: %.80s: %s", inCheckout(file), target, problem)
			}
		}
		return err
	})
	if err != nil || looked == 0 {
		t.Errorf("looked at %d pages (%v)", looked, err)
	}
}
