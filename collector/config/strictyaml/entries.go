package strictyaml

import "go.yaml.in/yaml/v3"

// entry is a key of a mapping and its value.
type entry struct {
	key   string
	line  int
	value *yaml.Node
}

const aliasCycle = "an alias refers to itself"

// entries lists the keys of a mapping, followed by those that merges (<<) add to
// it. It reports duplicate keys.
func (d *decoder) entries(path string, n *yaml.Node) []entry {
	if d.merging[n] {
		d.Invalidf(path, aliasCycle)
		return nil
	}
	d.merging[n] = true
	defer delete(d.merging, n)

	var list, merges []entry
	first := map[string]int{} // lines
	for i := 0; i+1 < len(n.Content) && d.visit(path); i += 2 {
		key := resolve(n.Content[i])
		if key.Kind != yaml.ScalarNode {
			d.addf(n.Content[i].Line, path, "a key must be text")
			continue
		}
		e := entry{key.Value, n.Content[i].Line, n.Content[i+1]}
		line, duplicate := first[e.key]
		switch {
		case duplicate:
			d.addf(e.line, Child(path, e.key), "already set on line %d", line)
			continue
		case e.key == "<<" && key.ShortTag() == "!!merge":
			merges = append(merges, e)
		default:
			list = append(list, e)
		}
		first[e.key] = e.line
	}
	for _, m := range merges {
		for _, e := range d.merged(path, m) {
			if _, ok := first[e.key]; !ok {
				first[e.key] = e.line
				list = append(list, e)
			}
		}
	}
	return list
}

// merged lists what a merge adds. If several mappings are merged, the earlier one
// takes precedence.
func (d *decoder) merged(path string, m entry) (list []entry) {
	value := resolve(m.value)
	sources := []*yaml.Node{value}
	if value.Kind == yaml.SequenceNode {
		sources = value.Content
	}
	for _, source := range sources {
		source = resolve(source)
		if source.Kind != yaml.MappingNode {
			d.addf(m.line, Child(path, "<<"), "must be an alias of a mapping, or a list of such aliases")
			continue
		}
		list = append(list, d.entries(path, source)...)
	}
	return list
}
