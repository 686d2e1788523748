# SPDX-License-Identifier: Apache-2.0
#
# schema - as much of JSON Schema 2020-12 as docs/rules.schema.json uses:
#   jq --slurpfile schema S -f schema.jq DOCUMENT
# prints a line "path: what is wrong" for each violation, and nothing else. A
# keyword that it does not know is a violation, too.

def known: ["$schema", "$id", "$comment", "$defs", "title", "description",
	"type", "properties", "additionalProperties", "required", "enum",
	"const", "pattern", "items", "minItems", "maxItems", "minimum",
	"maximum", "minProperties", "maxProperties", "anyOf", "$ref"];

def is($t):
	if $t == "integer" then type == "number" and . == floor
	else type == $t end;

def check($s; $at):
	. as $v
	| (($s | keys[]) as $k | select(known | index($k) | not)
		| "\($at): the schema has \($k)"),
	if $s["$ref"] then
		check($schema[0]["$defs"][$s["$ref"] | ltrimstr("#/$defs/")]; $at)
	else empty end,
	if $s.type and ([$s.type] | flatten | any(. as $t | $v | is($t)) | not)
	then "\($at): is no \([$s.type] | flatten | join(" or "))" else empty end,
	if $s.enum and ($s.enum | index([$v]) | not)
	then "\($at): is not one of \($s.enum | map(tostring) | join(", "))"
	else empty end,
	if ($s | has("const")) and $s.const != $v
	then "\($at): is not \($s.const)" else empty end,
	if $s.pattern and type == "string" and (test($s.pattern) | not)
	then "\($at): does not match \($s.pattern)" else empty end,
	if type == "number" and ((($s.minimum // .) > .) or (($s.maximum // .) < .))
	then "\($at): is out of bounds" else empty end,
	if $s.anyOf and ($s.anyOf | any(. as $a | [$v | check($a; $at)] == []) | not)
	then "\($at): is none of its forms" else empty end,
	if type == "object" then
		(($s.required // [])[] | select(. as $k | $v | has($k) | not)
			| "\($at): lacks \(.)"),
		(if length < ($s.minProperties // 0) or
			length > ($s.maxProperties // length)
		then "\($at): has \(length) members" else empty end),
		(keys[] as $k | $v[$k] |
			if $s.properties[$k] then
				check($s.properties[$k]; "\($at).\($k)")
			elif $s.additionalProperties == false then
				"\($at): knows no \($k)"
			elif $s.additionalProperties | type == "object" then
				check($s.additionalProperties; "\($at).\($k)")
			else empty end)
	elif type == "array" then
		(if length < ($s.minItems // 0) or
			length > ($s.maxItems // length)
		then "\($at): has \(length) items" else empty end),
		(if $s.items then
			range(length) as $i | .[$i]
			| check($s.items; "\($at)[\($i)]")
		else empty end)
	else empty end;

check($schema[0]; "")
