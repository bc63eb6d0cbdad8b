package safetensors

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// scanner reads the little JSON that headers and indexes are made of: objects of texts, whole numbers and lists of
// them. encoding/json would pass over names that occur twice, fields in other cases, broken UTF-8 and lone surrogates.
type scanner struct {
	text []byte
	at   int
}

func (s *scanner) blanks() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

// is takes c when it comes next, blanks before it included.
func (s *scanner) is(c byte) bool {
	s.blanks()
	if s.at < len(s.text) && s.text[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *scanner) expected(what string) error {
	s.blanks()
	if s.at >= len(s.text) {
		return fmt.Errorf("broken JSON at byte %d: expected %s, found the end", s.at, what)
	}
	return fmt.Errorf("broken JSON at byte %d: expected %s, found %q", s.at, what, s.text[s.at:min(len(s.text), s.at+12)])
}

// object calls value for every name of an object, to read what follows the name.
func (s *scanner) object(value func(name string) error) error {
	if !s.is('{') {
		return s.expected("an object")
	}
	if s.is('}') {
		return nil
	}
	for {
		name, err := s.string()
		if err != nil {
			return err
		}
		if !s.is(':') {
			return s.expected("a colon")
		}
		if err := value(name); err != nil {
			return err
		}
		switch {
		case s.is('}'):
			return nil
		case !s.is(','):
			return s.expected("a comma or the end of the object")
		}
	}
}

// integers reads a list of at most most whole numbers that are not negative.
func (s *scanner) integers(most int) ([]int64, error) {
	if !s.is('[') {
		return nil, s.expected("a list of whole numbers")
	}
	if s.is(']') {
		return nil, nil
	}
	var list []int64
	for {
		n, err := s.integer()
		if err != nil {
			return nil, err
		}
		if len(list) == most {
			return nil, fmt.Errorf("expected at most %d numbers, found more", most)
		}
		list = append(list, n)
		switch {
		case s.is(']'):
			return list, nil
		case !s.is(','):
			return nil, s.expected("a comma or the end of the list")
		}
	}
}

func (s *scanner) integer() (int64, error) {
	s.blanks()
	start := s.at
	for s.at < len(s.text) && s.text[s.at] >= '0' && s.text[s.at] <= '9' {
		s.at++
	}
	digits := s.text[start:s.at]
	if len(digits) == 0 || len(digits) > 1 && digits[0] == '0' {
		s.at = start
		return 0, s.expected("a whole number that is not negative")
	}
	if s.at < len(s.text) && (s.text[s.at] == '.' || s.text[s.at] == 'e' || s.text[s.at] == 'E') {
		return 0, s.expected("a whole number")
	}
	n, err := strconv.ParseInt(string(digits[:min(len(digits), 20)]), 10, 64)
	if err != nil || len(digits) > 20 {
		return 0, fmt.Errorf("expected a number of at most %d, found %s", int64(math.MaxInt64), digits[:min(len(digits), 40)])
	}
	return n, nil
}

// string reads a text, which must be UTF-8 throughout.
func (s *scanner) string() (string, error) {
	if !s.is('"') {
		return "", s.expected("a text in quotes")
	}
	end := s.at
	for end < len(s.text) && s.text[end] != '"' && s.text[end] != '\\' && s.text[end] >= ' ' {
		end++
	}
	out := s.text[s.at:end:end] // shared with the header until something has to be escaped
	s.at = end
	for s.at < len(s.text) {
		c := s.text[s.at]
		s.at++
		switch c {
		case '"':
			return checkText(out)
		case '\\':
			r, err := s.escape()
			if err != nil {
				return "", err
			}
			out = utf8.AppendRune(out, r)
		default:
			if c < ' ' {
				return "", fmt.Errorf("expected control characters of a text to be escaped, found the byte %d", c)
			}
			out = append(out, c)
		}
	}
	return "", errors.New("broken JSON: expected the end of a text, found the end of the header")
}

func checkText(text []byte) (string, error) {
	if !utf8.Valid(text) {
		return "", fmt.Errorf("expected text in UTF-8, found %s", shown(string(text)))
	}
	return string(text), nil
}

var errEscape = errors.New("expected an escape that JSON knows in a text, found another or half of a surrogate pair")

// escape reads what follows a backslash.
func (s *scanner) escape() (rune, error) {
	if s.at >= len(s.text) {
		return 0, errEscape
	}
	c := s.text[s.at]
	s.at++
	switch c {
	case '"', '\\', '/':
		return rune(c), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		r, err := s.hex4()
		if err != nil || !utf16.IsSurrogate(r) {
			return r, err
		}
		if !bytes.HasPrefix(s.text[s.at:], []byte(`\u`)) {
			return 0, errEscape
		}
		s.at += 2
		low, err := s.hex4()
		if r = utf16.DecodeRune(r, low); err != nil || r == utf8.RuneError {
			return 0, errEscape
		}
		return r, nil
	}
	return 0, errEscape
}

func (s *scanner) hex4() (rune, error) {
	if len(s.text)-s.at < 4 {
		return 0, errEscape
	}
	n, err := strconv.ParseUint(string(s.text[s.at:s.at+4]), 16, 16)
	if err != nil {
		return 0, errEscape
	}
	s.at += 4
	return rune(n), nil
}
