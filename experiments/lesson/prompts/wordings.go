package prompts

import "github.com/glimpse-ml/glimpse/clip/evaluate"

// lists are the wordings for the classes of a task, written for this project before anything was measured.
type lists struct {
	templates []string                    // each with {} for the class; the first is the bare word, the second "a photo of a {}"
	names     func(class string) []string // what else the class is called
	own       func(class string) []string // prompts for this class alone; nil where there are none
}

const (
	bare  = "{}"
	photo = "a photo of a {}"
)

// productWordings are in the manner of the titles of a shop.
func productWordings() lists {
	return lists{
		templates: []string{bare, photo, "a picture of a {}", "Men {}", "Women {}", "Men's {}", "Women's {}", "Boys {}", "Girls {}", "Unisex {}",
			"Black {}", "Men Black {}", "Women Blue {}", "Men's White {}", "Brown {}", "Women Red {}", "Men Printed {}", "Women Printed {}", "Men Solid {}", "Men Casual {}"},
		names: evaluate.Names,
		own:   func(class string) []string { return productsOwn[class] },
	}
}

// productsOwn are prompts as titles may put these classes.
var productsOwn = map[string][]string{
	"Backpacks":    {"Unisex Black Backpack", "Unisex Blue Backpack"},
	"Belts":        {"Men Black Leather Belt", "Men Brown Belt"},
	"Casual Shoes": {"Men Brown Casual Shoes", "Men Black Casual Shoe"},
	"Flip Flops":   {"Men Black Flip Flops", "Women Flip Flops"},
	"Handbags":     {"Women Brown Handbag", "Women Black Handbag"},
	"Heels":        {"Women Black Heels", "Women Gold Heels"},
	"Kurtas":       {"Women Printed Kurta", "Men White Kurta"},
	"Sandals":      {"Men Brown Sandals", "Men Black Sandals"},
	"Shirts":       {"Men Check Shirt", "Men Blue Striped Shirt"},
	"Shorts":       {"Men Grey Shorts", "Boys Solid Shorts"},
	"Sports Shoes": {"Men White Sports Shoes", "Men Black Running Shoes"},
	"Tops":         {"Women Printed Top", "Women Pink Top"},
	"Trousers":     {"Men Black Trousers", "Men Solid Trousers"},
	"Tshirts":      {"Men Printed T-shirt", "Men White Tshirt"},
	"Wallets":      {"Men Black Wallet", "Men Leather Wallet"},
	"Watches":      {"Men Black Dial Watch", "Women Watch"},
}

// pictureWordings are in the manner of captions, for CIFAR-10.
func pictureWordings() lists {
	other := map[string][]string{"airplane": {"plane", "jet"}, "automobile": {"car"}, "bird": {"birds"}, "cat": {"kitten"}, "deer": {"stag"},
		"dog": {"dogs"}, "frog": {"toad"}, "horse": {"horses"}, "ship": {"boat"}, "truck": {"lorry", "pickup truck"}}
	own := map[string][]string{
		"airplane": {"an airplane in the sky", "a plane is flying"}, "automobile": {"a car on the road", "a parked car"}, "bird": {"a bird in the air", "a bird on a branch"},
		"cat": {"a cat looks at the camera", "a cat indoors"}, "deer": {"a deer in the forest", "a deer in a field"}, "dog": {"a dog on the grass", "a dog looks at the camera"},
		"frog": {"a small green frog", "a frog in the grass"}, "horse": {"a horse in a field", "a brown horse"}, "ship": {"a ship on the ocean", "a boat on the water"},
		"truck": {"a truck on the road", "a big red truck"},
	}
	return lists{
		templates: []string{bare, photo, "a picture of a {}", "a {}", "the {}", "a small {}", "a large {}", "a blurry photo of a {}", "a close-up of a {}", "a {} outside",
			"a {} in the distance", "a {} on a road", "a {} in the grass", "a {} in the water", "a {} in the snow", "there is a {}", "a white {}", "a black {}", "a brown {}", "people look at a {}"},
		names: func(class string) []string { return append([]string{class}, other[class]...) },
		own:   func(class string) []string { return own[class] },
	}
}

// sceneWordings are for the quick form.
func sceneWordings() lists {
	return lists{
		templates: []string{bare, photo, "a picture of a {}", "a {}", "there is a {}", "a small {}", "a large {}", "a striped {}"},
		names:     func(class string) []string { return []string{class, "one " + class} },
		own:       func(string) []string { return nil },
	}
}
