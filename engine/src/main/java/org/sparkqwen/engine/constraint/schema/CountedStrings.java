package org.sparkqwen.engine.constraint.schema;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.lucene.util.automaton.Automata;
import org.apache.lucene.util.automaton.Automaton;
import org.apache.lucene.util.automaton.Transition;
import org.sparkqwen.engine.constraint.automaton.Budget;
import org.sparkqwen.engine.constraint.automaton.ByteAutomaton;
import org.sparkqwen.engine.constraint.automaton.CountBounds;
import org.sparkqwen.engine.constraint.automaton.DisjointRanges;
import org.sparkqwen.engine.constraint.automaton.Language;
import org.sparkqwen.engine.constraint.automaton.StateSets;

/// JSON strings with a limited number of characters. The characters are counted beside the automaton and not
/// by its states, so a string of up to 100,000 characters needs as many states as one of any length.
///
/// Within an automaton of JSON texts, such a string is a quotation mark, one label that stands for its
/// inside, and another quotation mark. Union, concatenation, repetition and determinization treat labels as
/// they treat characters. Texts with labels must not be intersected. When the automaton of the whole text is
/// complete, [#bytes(Automaton)] replaces the labels by the insides.
///
/// One count is enough, however many strings a text may be within at the same time (`anyOf`). All of them
/// began at the same quotation mark and count the same characters. If they may end at different counts, the
/// transition of the closing quotation mark depends on the count.
final class CountedStrings {
    private static final int FIRST_LABEL = Character.MAX_CODE_POINT + 1;

    private final List<Inside> insides = new ArrayList<>();

    /// The inside of a counted string, between its quotation marks.
    ///
    /// @param text the texts of strings of any length, see [JsonText#strings(Automaton)]
    /// @param values the states from 1 to this one are between characters
    /// @param bounds the allowed numbers of characters
    private record Inside(Automaton text, int values, CountBounds bounds) {
        /// Returns the last state, which follows the closing quotation mark.
        int end() {
            return values + 1;
        }
    }

    /// Returns the JSON texts of strings whose values are in `values` and have `least` to `most` characters.
    ///
    /// @param values the values of the strings and not JSON texts; they should be unbounded where they can
    ///     be, because the lengths are not unrolled
    /// @param most may be [Language#UNBOUNDED]
    /// @return an automaton without states if there are no such strings
    Automaton texts(Automaton values, int least, int most) {
        CountBounds bounds = new CountBounds(least, most == Language.UNBOUNDED ? CountBounds.UNBOUNDED : most);
        Automaton known = JsonText.writable(values);
        if (bounds.equals(CountBounds.ANY)) {
            return JsonText.strings(known);
        }
        if (!bounds.allowSome(known)) {
            return Automata.makeEmpty();
        }
        int label = FIRST_LABEL + insides.size();
        insides.add(new Inside(JsonText.strings(known), known.getNumStates(), bounds));
        Automaton quote = Automata.makeChar('"');
        return Language.concatenate(List.of(quote, Automata.makeChar(label), quote));
    }

    /// Turns an automaton of texts into an automaton over bytes.
    ///
    /// @param texts may have labels of this object in place of strings
    ByteAutomaton bytes(Automaton texts) {
        Automaton known = Language.deterministic(texts);
        return insides.isEmpty() ? ByteAutomaton.of(known) : new Expansion(known).expand();
    }

    /// The subset construction over the automaton with the insides in place of labels. A member of a set is a
    /// state of the automaton, or a state of an inside together with the state of the automaton after it.
    private final class Expansion {
        private final Automaton outer;
        private final Automaton.Builder texts = new Automaton.Builder();
        private final StateSets sets = new StateSets();
        private final List<ByteAutomaton.Role> roles = new ArrayList<>();

        /// The labels of closing quotation marks, by the counts for which they are.
        private final Map<CountBounds, Integer> closings = new HashMap<>();

        private final List<CountBounds> closingBounds = new ArrayList<>();

        /// The places of strings, by the number of their first member.
        private final TreeMap<Integer, Place> places = new TreeMap<>();

        private final Map<Place, Integer> firstMembers = new HashMap<>();
        private final Transition transition = new Transition();
        private int members;

        /// A string at its place in the automaton.
        ///
        /// @param after the automaton's state after the string
        private record Place(int inside, int after) {}

        /// A closing quotation mark that ends a counted string.
        private record Closing(CountBounds bounds, int after) {}

        Expansion(Automaton outer) {
            this.outer = outer;
            members = outer.getNumStates();
        }

        ByteAutomaton expand() {
            if (outer.getNumStates() == 0) {
                return ByteAutomaton.of(outer);
            }
            DisjointRanges ranges = new DisjointRanges();
            number(new int[] {0});
            for (int state = 0; state < sets.size(); state++) {
                ranges.clear();
                List<Closing> counted = new ArrayList<>();
                for (int member : sets.get(state)) {
                    if (member < outer.getNumStates()) {
                        addOuter(member, ranges);
                        texts.setAccept(state, texts.isAccept(state) || outer.isAccept(member));
                    } else {
                        addInside(member, ranges, counted);
                    }
                }
                addTransitions(state, ranges, counted);
            }
            return ByteAutomaton.of(texts.finish(), roles, FIRST_LABEL, closingBounds);
        }

        private void addOuter(int member, DisjointRanges ranges) {
            int count = outer.initTransition(member, transition);
            for (int i = 0; i < count; i++) {
                outer.getNextTransition(transition);
                if (transition.min < FIRST_LABEL) {
                    ranges.add(transition.min, transition.max, transition.dest);
                }
            }
        }

        private void addInside(int member, DisjointRanges ranges, List<Closing> counted) {
            Map.Entry<Integer, Place> place = places.headMap(member, true).lastEntry();
            Inside inside = insides.get(place.getValue().inside);
            int first = place.getKey();
            // The first state of a string has the same transitions as the state after the quotation mark, but
            // does not count as a character.
            int state = Math.max(member - first, 1);
            int count = inside.text.initTransition(state, transition);
            for (int i = 0; i < count; i++) {
                inside.text.getNextTransition(transition);
                if (transition.dest == inside.end()) {
                    counted.add(new Closing(inside.bounds, place.getValue().after));
                } else {
                    ranges.add(transition.min, transition.max, first + transition.dest);
                }
            }
        }

        private void addTransitions(int state, DisjointRanges ranges, List<Closing> counted) {
            ranges.forEach((first, last, targets) -> {
                boolean closes = !counted.isEmpty() && first <= '"' && '"' <= last;
                if (!closes) {
                    texts.addTransition(state, number(targets), first, last);
                    return;
                }
                for (int target : targets) {
                    counted.add(new Closing(CountBounds.ANY, target));
                }
            });
            List<CountBounds> all = counted.stream().map(Closing::bounds).toList();
            Budget.spend((long) all.size() * all.size());
            for (CountBounds part : CountBounds.parts(all)) {
                int[] targets = counted.stream()
                        .filter(closing -> closing.bounds.include(part))
                        .mapToInt(Closing::after)
                        .sorted()
                        .distinct()
                        .toArray();
                texts.addTransition(state, number(targets), label(part));
            }
        }

        private int label(CountBounds bounds) {
            return closings.computeIfAbsent(bounds, added -> {
                closingBounds.add(added);
                return FIRST_LABEL + closingBounds.size() - 1;
            });
        }

        /// Returns the state for the set `states`, together with the insides that begin there.
        private int number(int[] states) {
            int[] members = withBeginnings(states);
            int number = sets.number(members);
            if (number == texts.getNumStates()) {
                texts.createState();
                roles.add(role(members));
            }
            return number;
        }

        private int[] withBeginnings(int[] states) {
            List<Integer> beginnings = new ArrayList<>();
            for (int state : states) {
                int count = state < outer.getNumStates() ? outer.initTransition(state, transition) : 0;
                Budget.spend(count);
                for (int i = 0; i < count; i++) {
                    outer.getNextTransition(transition);
                    for (int label = Math.max(transition.min, FIRST_LABEL); label <= transition.max; label++) {
                        beginnings.add(firstMember(new Place(label - FIRST_LABEL, behindQuote(transition.dest))));
                    }
                }
            }
            if (beginnings.isEmpty()) {
                return states;
            }
            int[] members = new int[states.length + beginnings.size()];
            System.arraycopy(states, 0, members, 0, states.length);
            for (int i = 0; i < beginnings.size(); i++) {
                members[states.length + i] = beginnings.get(i);
            }
            return DisjointRanges.sortedSet(members, members.length);
        }

        private int behindQuote(int state) {
            Transition quote = new Transition();
            outer.getTransition(state, 0, quote);
            return quote.dest;
        }

        private int firstMember(Place place) {
            return firstMembers.computeIfAbsent(place, added -> {
                int first = members;
                members = Math.addExact(members, insides.get(added.inside).text.getNumStates());
                places.put(first, added);
                return first;
            });
        }

        /// Returns the role of a set of members. Members within strings are all at the same place of the same
        /// string.
        private ByteAutomaton.Role role(int[] members) {
            int last = members[members.length - 1];
            if (last < outer.getNumStates()) {
                return ByteAutomaton.Role.OUTSIDE;
            }
            Map.Entry<Integer, Place> place = places.headMap(last, true).lastEntry();
            int state = last - place.getKey();
            if (state == 0) {
                return ByteAutomaton.Role.BEGINNING;
            }
            boolean between = state <= insides.get(place.getValue().inside).values;
            return between ? ByteAutomaton.Role.AFTER_CHARACTER : ByteAutomaton.Role.WITHIN_CHARACTER;
        }
    }
}
