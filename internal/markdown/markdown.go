// Package markdown reads as much of Markdown as the lab's own pages use, so that tests can hold the pages to what they say: blocks of
// code, inline code, links, pictures, and the anchors of headings.
package markdown

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// Block is a block of code, fenced or indented.
type Block struct {
	Line  int    // of its first line of code, counted from 1
	Lang  string // what stands behind the fence, such as go; "" for indented blocks
	Text  string // without fences and indentation; lines end in \n
	Note  string // the HTML comment on the line above it, without its marks; "" for none
	After int    // lines between the block before and this one that hold something; what belongs together has none
}

// Link is a link or a picture.
type Link struct {
	Line   int
	Target string // as it is written, with its #anchor
}

// Page is what a page consists of, beside its text.
type Page struct {
	Blocks  []Block
	Code    []Link // inline code: Target is what stands between the backticks
	Links   []Link
	Anchors map[string]bool // of headings, as GitHub makes them, and of HTML elements with an id or a name
}

var (
	fence   = regexp.MustCompile("^ {0,3}(```+|~~~+)\\s*([^`]*)$")
	heading = regexp.MustCompile(`^ {0,3}#{1,6}\s+(.*?)\s*#*$`)
	comment = regexp.MustCompile(`^\s*<!--\s*(.*?)\s*-->\s*$`)
	inline  = regexp.MustCompile("``[^`].*?``|`[^`]+`")
	linked  = regexp.MustCompile(`\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)`)
	html    = regexp.MustCompile(`(?:href|src)="([^"]+)"`)
	named   = regexp.MustCompile(`(?:id|name)="([^"]+)"`)
	auto    = regexp.MustCompile(`<(https?://[^>\s]+)>`)
	defined = regexp.MustCompile(`^ {0,3}\[[^\]]+\]:\s*(\S+)`)
)

// Read takes a page apart.
func Read(text string) *Page {
	r := reader{page: &Page{Anchors: map[string]bool{}}, seen: map[string]int{}}
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		r.line(i+1, line)
	}
	r.end()
	return r.page
}

type reader struct {
	page  *Page
	open  *Block // that is being read
	close string // the fence that ends it; "" for an indented one
	empty int    // empty lines at the end of an indented block
	note  string // of the line before
	blank bool   // whether the line before was empty
	list  bool   // whether text belongs to an item of a list: indentation is no code there
	after int
	seen  map[string]int // headings of one name
}

func (r *reader) line(number int, line string) {
	bare := strings.TrimSpace(line)
	switch {
	case r.open != nil && r.close != "":
		if strings.HasPrefix(bare, r.close) && strings.Trim(bare, r.close[:1]) == "" {
			r.end()
			return
		}
		r.open.Text += line + "\n"
		return
	case r.open != nil && bare == "":
		r.empty++
		return
	case r.open != nil && strings.HasPrefix(line, "    "):
		r.open.Text += strings.Repeat("\n", r.empty) + line[4:] + "\n"
		r.empty = 0
		return
	case r.open != nil:
		r.end()
		r.blank = true
	}
	if bare == "" {
		r.blank = true
		return
	}
	if m := fence.FindStringSubmatch(line); m != nil {
		r.begin(number+1, strings.TrimSpace(m[2]), m[1])
	} else if strings.HasPrefix(line, "    ") && (r.blank || number == 1) && !r.list {
		r.begin(number, "", "")
		r.open.Text = line[4:] + "\n"
	} else if m := comment.FindStringSubmatch(line); m != nil {
		r.note = m[1]
	} else {
		r.prose(number, line, bare)
	}
	r.blank = false
}

func (r *reader) begin(line int, lang, fence string) {
	r.open = &Block{Line: line, Lang: lang, Note: r.note, After: r.after}
	r.close, r.empty, r.note, r.after = fence, 0, "", 0
}

func (r *reader) end() {
	if r.open != nil {
		r.page.Blocks = append(r.page.Blocks, *r.open)
	}
	r.open = nil
}

var item = regexp.MustCompile(`^\s*([-*+]|\d+[.)])\s`)

func (r *reader) prose(number int, line, bare string) {
	r.note = ""
	r.after++
	if item.MatchString(line) {
		r.list = true
	} else if !strings.HasPrefix(line, " ") {
		r.list = false
	}
	if m := heading.FindStringSubmatch(line); m != nil {
		r.heading(m[1])
	}
	for _, code := range inline.FindAllString(bare, -1) {
		r.page.Code = append(r.page.Code, Link{number, strings.TrimSpace(strings.Trim(code, "`"))})
	}
	bare = inline.ReplaceAllString(bare, "")
	for _, pattern := range []*regexp.Regexp{linked, html, auto, defined} {
		for _, m := range pattern.FindAllStringSubmatch(bare, -1) {
			r.page.Links = append(r.page.Links, Link{number, m[1]})
		}
	}
	for _, m := range named.FindAllStringSubmatch(bare, -1) {
		r.page.Anchors[m[1]] = true
	}
}

var brackets = regexp.MustCompile(`!?\[([^\]]*)\]\([^)]*\)`)

// heading adds the anchor that GitHub makes of a heading: lower case, letters, digits, hyphens and underscores, spaces as hyphens; the second
// of one name gets -1.
func (r *reader) heading(text string) {
	text = brackets.ReplaceAllString(text, "$1")
	var b strings.Builder
	for _, c := range strings.ToLower(text) {
		switch {
		case unicode.IsLetter(c), unicode.IsDigit(c), c == '-', c == '_':
			b.WriteRune(c)
		case c == ' ':
			b.WriteByte('-')
		}
	}
	name := b.String()
	n := r.seen[name]
	r.seen[name]++
	if n > 0 {
		name = fmt.Sprintf("%s-%d", name, n)
	}
	r.page.Anchors[name] = true
}
