// Matching as such products do it: fetch the mechanics from PostgreSQL, score each, sort.
//
// `bench/node.py` talks to it in lines of JSON. The names of places and keywords are resolved when
// a row is written, and who cannot be offered anything is not scored: it does less than most.
"use strict";

const readline = require("node:readline");
const { Client, types } = require("pg");

types.setTypeParser(types.builtins.DATE, (day) => day); // days sort as texts

const COLUMNS = {
  id: "text PRIMARY KEY",
  name: "text NOT NULL",
  approved: "boolean NOT NULL",
  on_shift: "boolean NOT NULL",
  load: "integer NOT NULL",
  waiting_since: "timestamptz",
  country: "text",
  subdivision: "text",
  city: "text",
  city_key: "text",
  area: "text",
  years_of_experience: "integer",
  rating: "double precision",
  certified: "boolean NOT NULL",
  certified_until: "date",
  completed_sessions: "integer NOT NULL",
  profile_completion: "integer NOT NULL",
  keyword_keys: "text[] NOT NULL",
  brands: "text[] NOT NULL",
  brand_keys: "text[] NOT NULL",
};
const EVERYBODY = "SELECT * FROM mechanics WHERE approved";
const WHO_IS_FREE = `${EVERYBODY} AND on_shift AND load < $1`;

function reached(value, steps) {
  if (value !== null) for (const [threshold, points] of steps) if (value >= threshold) return points;
  return 0;
}

function pointsOfPlace(mechanic, request, scoring) {
  if (mechanic.country === null || request.country === null) return 0;
  if (mechanic.country !== request.country) {
    return request.prefer_local_mechanic ? scoring.other_country : 0;
  }
  let points = scoring.same_country;
  if (request.area !== null && mechanic.area === request.area) points += scoring.same_area;
  if (
    request.prefer_local_mechanic &&
    request.city_key !== null &&
    mechanic.city_key === request.city_key &&
    (mechanic.subdivision === null ||
      request.subdivision === null ||
      mechanic.subdivision === request.subdivision)
  ) {
    points += scoring.same_city;
  }
  return points;
}

function score(mechanic, request, scoring) {
  let points = mechanic.on_shift ? scoring.on_shift : scoring.off_shift;
  points += pointsOfPlace(mechanic, request, scoring);
  points += reached(mechanic.years_of_experience, scoring.experience_years);
  points += reached(mechanic.rating, scoring.rating);
  points += reached(mechanic.completed_sessions, scoring.completed_sessions);
  points += reached(mechanic.profile_completion, scoring.complete_profile);
  if (mechanic.certified) points += scoring.certified;
  for (const keyword of request.keyword_keys) {
    if (mechanic.keyword_keys.includes(keyword)) points += scoring.keyword;
  }
  if (request.brand_key !== null) points += scoring.brand_specialist;
  return points;
}

function canBeOffered(mechanic, request, policy, on) {
  return (
    mechanic.on_shift &&
    mechanic.load < policy.capacity &&
    mechanic.profile_completion >= policy.min_profile_completion &&
    !(mechanic.certified && mechanic.certified_until !== null && mechanic.certified_until < on) &&
    (request.brand_key === null || mechanic.brand_keys.includes(request.brand_key))
  );
}

function inOrder(a, b) {
  if (a.points !== b.points) return b.points - a.points;
  const [one, other] = [a.mechanic, b.mechanic];
  if (one.rating !== other.rating) {
    if (one.rating === null) return 1;
    return other.rating === null ? -1 : other.rating - one.rating;
  }
  const since = (mechanic) => mechanic.waiting_since?.getTime() ?? -Infinity;
  if (since(one) !== since(other)) return since(one) - since(other);
  return one.id < other.id ? -1 : 1;
}

async function match(client, { request, policy, on, k, sifted }) {
  const started = performance.now();
  const answer = sifted
    ? await client.query(WHO_IS_FREE, [policy.capacity])
    : await client.query(EVERYBODY);
  const scored = [];
  for (const mechanic of answer.rows) {
    if (canBeOffered(mechanic, request, policy, on)) {
      scored.push({ mechanic, points: score(mechanic, request, policy.scoring) });
    }
  }
  scored.sort(inOrder);
  const top = scored.slice(0, k).map(({ mechanic, points }) => [mechanic.id, points]);
  return { top, ms: performance.now() - started };
}

async function create(client) {
  const columns = Object.entries(COLUMNS).map(([name, type]) => `${name} ${type}`);
  await client.query(`CREATE TABLE mechanics (${columns})`);
  await client.query("CREATE INDEX free ON mechanics (load) WHERE approved AND on_shift");
  return {};
}

async function write(client, rows) {
  const changes = Object.keys(COLUMNS).map((name) => `${name} = excluded.${name}`);
  await client.query(
    `INSERT INTO mechanics SELECT * FROM json_populate_recordset(NULL::mechanics, $1)
     ON CONFLICT (id) DO UPDATE SET ${changes}`,
    [JSON.stringify(rows)],
  );
  return {};
}

async function main() {
  const client = new Client({ host: process.argv[2], user: process.argv[3], database: "postgres" });
  await client.connect();
  const dealWith = {
    create: () => create(client),
    write: (rows) => write(client, rows),
    settle: () => client.query("VACUUM ANALYZE mechanics").then(() => ({})),
    match: (asked) => match(client, asked),
  };
  console.log(JSON.stringify({ node: process.version }));
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [[what, asked]] = Object.entries(JSON.parse(line));
    console.log(JSON.stringify(await dealWith[what](asked)));
  }
  await client.end();
}

main();
