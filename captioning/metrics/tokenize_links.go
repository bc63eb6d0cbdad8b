package metrics

import (
	"regexp"
	"strings"
)

var (
	urlForm     = regexp.MustCompile(`(?i)^(?:https?|ftp)://[^\s"<>|(){}\[\]]*[^\s"<>|(){}\[\].!?,;:&'-]`)
	siteForm    = regexp.MustCompile(`(?i)^(?:www\.(?:[^\s"<>|.!?(){},]+\.)+[a-z]{2,4}|(?:[\pL\pN]+\.)+(?:com|net|org|edu))(?:/[^\s"<>|()]*[^\s"<>|.!?(){},-])?`)
	addressForm = regexp.MustCompile(`^[A-Za-z0-9._%+-]+@[A-Za-z0-9][A-Za-z0-9.-]*[A-Za-z0-9]`)
	accountForm = regexp.MustCompile(`^(?:@[A-Za-z_][A-Za-z_0-9]*|#\pL[\pL\pN_]*[\pL\pN])`)
	markupForm  = regexp.MustCompile(`^</?[A-Za-z][A-Za-z0-9_:.-]*(?:\s[^<>]*)?/?>`)
)

// url: an address of the web stays whole, its slashes written \/.
func url(rest string) match {
	if !strings.ContainsAny(firstField(rest), ":.") {
		return match{} // most words, without a search
	}
	size := max(len(urlForm.FindString(rest)), len(siteForm.FindString(rest)))
	return escaped(asIs(rest, size))
}

// address: an electronic mail address.
func address(rest string) match {
	if !strings.Contains(firstField(rest), "@") {
		return match{}
	}
	return asIs(rest, len(addressForm.FindString(rest)))
}

// firstField is what comes before the first blank.
func firstField(rest string) string {
	if i := strings.IndexAny(rest, " \t\n"); i >= 0 {
		return rest[:i]
	}
	return rest
}

// account: "@name" and "#topic".
func account(rest string) match { return asIs(rest, len(accountForm.FindString(rest))) }

// markup: a tag, whose blanks become no-break spaces.
func markup(rest string) match {
	tag := markupForm.FindString(rest)
	return fixed(tag, strings.Join(strings.Fields(tag), "\u00A0"))
}
