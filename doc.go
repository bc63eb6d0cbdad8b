// Package glimpse is a lab for one question: how did machines learn to connect pictures and words? README.md says what
// is here; the packages below hold it.
package glimpse
