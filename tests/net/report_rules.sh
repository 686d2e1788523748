#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# report_rules - a collector that is configured with rules weighs their policies
# and shows their views, through its jail; a fault in them keeps it from
# starting.
set -u
. "$SRC/tests/support/tap.sh"
[ "$(id -u)" = 0 ] || skip_all "the collector's processes need accounts of their own"
. "$SRC/tests/support/collector.sh"

mkdir "$W/rules"
chmod 0700 "$W/rules"
cp "$SRC/rules/"*.yaml "$W/rules"
cat >"$W/rules/site.yaml" <<-'END'
	pack: {id: site, version: 1.0.0, format: 1}
	policies:
	  - id: site.bulk
	    title: Somebody read many card numbers
	    level: critical
	    scope: {actor: "provider:*", activity: [file.read]}
	    match: {any_of: {of: [{tag: pci.chd, confidence: ">=medium", unique: ">=5", window: 24h}]}}
	    then: [record]
END
echo "rules: [$W/rules]" >>"$W/collector.yaml"
collector_start
ok $? "a collector with rules starts"
stored() { sqlite3 -readonly "$S/store/collector.db" 'SELECT count(*) FROM finding'; }
until_true 20 stored >/dev/null 2>&1

now=$(($(date +%s) * 1000000))
sqlite3 "$S/store/collector.db" "INSERT INTO finding(agent_id,gen,seq,wall_us,
	provider,person,grade,channel,op,path,detector,class,confidence,uniq)
	VALUES('a',0,1,$now,'acme','ann','key','file','read','/srv/a','pci.pan',
	'pii.financial','high',3),('a',0,2,$now,'acme','ann','key','file','read',
	'/srv/b','pci.pan','pii.financial','medium',3),('a',0,3,$now,'acme','ann',
	'key','file','read','/srv/c','secret.github_pat','secret.api_token','high',1)"
report() { "$BIN/chaperone" report --provider acme --state "$S" "$@" 2>"$W/said"; }
got=$(report)
is "$(jq -c '[.policies[] | select(.met) | [.policy, .level,
	(.people[] | .person, .conditions[0].unique, (.findings | map(.path)))]]' <<<"$got")" \
	'[["site.bulk","critical","ann",6,["/srv/a","/srv/b"]]]' "who met which policy"
is "$(jq -c '[.view, (.findings | length)]' <<<"$got")" '[null,3]' "all is shown"
is "$(report --view pci | jq -c '[.view.id, .view.other_findings,
	(.findings | map(.detector) | unique), (.policies | map(.met) | any)]')" \
	'["pci",1,["pci.pan"],true]' "a view shows its detectors and counts the others"
report --view nope >/dev/null
is "$? $(cat "$W/said")" \
	"2 chaperone report: the configured rules have no such view" "a view that there is not"

collector_stop
sed -i 's/level: critical/level: grave/' "$W/rules/site.yaml"
timeout 20 "$BIN/chaperone-collector" --config "$W/collector.yaml" \
	>/dev/null 2>"$W/said"
is $? 3 "a policy with a fault keeps the collector from starting"
grep -q 'site.yaml:5:.*informational' "$W/said"
ok $? "and the place is told"
done_testing
