(function (root, data) {
  "use strict";
  var words = root.querySelectorAll("button"), places = root.querySelectorAll("rect"), said = root.querySelector("output");
  function show(chosen) {
    words.forEach(function (word, i) {
      word.setAttribute("aria-pressed", i === chosen ? "true" : "false");
      word.style.background = i === chosen ? "#0072b2" : "#eeeeee";
      word.style.color = i === chosen ? "#ffffff" : "#222222";
    });
    places.forEach(function (place, i) { place.setAttribute("fill-opacity", data.dark[chosen][i]); });
    said.textContent = data.said[chosen];
  }
  words.forEach(function (word, i) {
    ["mouseenter", "focus", "click"].forEach(function (event) { word.addEventListener(event, function () { show(i); }); });
  });
})
