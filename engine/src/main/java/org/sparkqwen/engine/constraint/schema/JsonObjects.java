package org.sparkqwen.engine.constraint.schema;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import org.apache.lucene.util.automaton.Automaton;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.constraint.automaton.Budget;
import org.sparkqwen.engine.constraint.automaton.Language;

/// Builds automata of objects. An object has some properties of a list, in the list's order, and then others.
///
/// The automaton is built from the last property to the first. The keys that may follow form a trie. The trie
/// before a property is the trie after it with one path more. So the automaton is deterministic and grows
/// linearly with the names.
final class JsonObjects {
    private static final Trie NO_KEYS = new Trie(new int[0], new Object[0]);

    private final Automaton.Builder text = new Automaton.Builder();
    private final List<Property> properties;
    private final List<Others> others;
    private final int least;
    private final int most;
    private final int end;

    /// Whether this property or a later one is required, by index.
    private final boolean[] requiredFrom;

    /// The keys that may follow, by place.
    private final Map<Place, Trie> keys = new HashMap<>();

    private final Map<Place, Integer> tails = new HashMap<>();
    private final Map<Place, Integer> afterComma = new HashMap<>();
    private final IdentityHashMap<Trie, Integer> states = new IdentityHashMap<>();

    /// The states at which the keys of each of the others begin, by the number of properties before them.
    private final Map<Integer, List<Integer>> othersBegin = new HashMap<>();

    private final List<Automaton> otherKeys;

    private JsonObjects(List<Property> properties, List<Others> others, int least, int most) {
        this.properties = properties;
        this.others = others;
        otherKeys = others.stream().map(each -> JsonText.strings(each.names)).toList();
        long required = properties.stream().filter(Property::required).count();
        this.least = least <= required ? 0 : least;
        this.most = others.isEmpty() && most >= properties.size() ? Language.UNBOUNDED : most;
        requiredFrom = new boolean[properties.size() + 1];
        for (int i = properties.size(); i-- > 0; ) {
            requiredFrom[i] = properties.get(i).required || requiredFrom[i + 1];
        }
        text.createState(); // the start is the first state
        end = text.createState();
        text.setAccept(end, true);
    }

    /// @param value the texts of the property's value
    record Property(String name, boolean required, Automaton value) {}

    /// Properties that are not in the list.
    ///
    /// @param names values and not JSON texts; none is a name of the list
    /// @param value the texts of their values
    record Others(Automaton names, Automaton value) {}

    /// A place in an object before a property.
    ///
    /// @param property the index of the next property in the list
    /// @param count the number of properties so far, as far as they are counted
    private record Place(int property, int count) {}

    /// A trie of keys, including their quotation marks. It is immutable.
    ///
    /// @param targets the tries that the characters lead to, and after a key the state that it leads to
    private record Trie(int[] characters, Object[] targets) {
        private @Nullable Object get(int character) {
            int index = Arrays.binarySearch(characters, character);
            return index < 0 ? null : targets[index];
        }

        private Trie with(int character, Object target) {
            int index = Arrays.binarySearch(characters, character);
            if (index >= 0) {
                Object[] replaced = targets.clone();
                replaced[index] = target;
                return new Trie(characters, replaced);
            }
            int at = -index - 1;
            int[] moreCharacters = new int[characters.length + 1];
            Object[] moreTargets = new Object[targets.length + 1];
            System.arraycopy(characters, 0, moreCharacters, 0, at);
            System.arraycopy(targets, 0, moreTargets, 0, at);
            System.arraycopy(characters, at, moreCharacters, at + 1, characters.length - at);
            System.arraycopy(targets, at, moreTargets, at + 1, targets.length - at);
            moreCharacters[at] = character;
            moreTargets[at] = target;
            return new Trie(moreCharacters, moreTargets);
        }

        private Trie with(int[] key, Integer state) {
            List<Trie> path = new ArrayList<>();
            Trie reached = this;
            for (int character : key) {
                path.add(reached);
                reached = reached.get(character) instanceof Trie next ? next : NO_KEYS;
            }
            Object below = state;
            for (int i = key.length; i-- > 0; ) {
                Budget.spend(4L * path.get(i).characters.length);
                below = path.get(i).with(key[i], below);
            }
            return (Trie) below;
        }
    }

    /// Returns an automaton of objects.
    ///
    /// @param least the smallest number of properties; only one of the others counts, because their keys may
    ///     be equal
    /// @param most the greatest number of properties, or [Language#UNBOUNDED]
    static Automaton of(List<Property> properties, List<Others> others, int least, int most) {
        return new JsonObjects(properties, others, least, most).build();
    }

    private Automaton build() {
        for (int count = others.isEmpty() ? 0 : most - 1; count > 0; count--) {
            others(count); // begins with the last one, which the one before it leads to
        }
        for (int property = properties.size(); property >= 0; property--) {
            for (int count = 0; count <= counted(property); count++) {
                keys.put(new Place(property, count), keys(property, count));
            }
        }
        int begin = text.createState();
        text.addTransition(0, begin, '{');
        addKeys(begin, new Place(0, 0));
        if (mayEnd(0, 0)) {
            text.addTransition(begin, end, '}');
        }
        return Language.deterministic(text.finish());
    }

    private void spend(Automaton part) {
        spend((long) part.getNumStates() + part.getNumTransitions());
    }

    private void spend(long steps) {
        Budget.spend(steps);
        Language.requireSmall(text.getNumStates());
    }

    /// Returns `count`, or the greatest number up to which properties are counted.
    private int counted(int count) {
        return Math.min(count, most == Language.UNBOUNDED ? least : most);
    }

    private boolean hasRoom(int count) {
        return most == Language.UNBOUNDED || count < most;
    }

    private boolean mayEnd(int property, int count) {
        return !requiredFrom[property] && count >= least;
    }

    /// Tells whether others may follow.
    private boolean mayGoOn(Place place) {
        return !others.isEmpty() && !requiredFrom[place.property] && place.count + 1 >= least && hasRoom(place.count);
    }

    private boolean isAlive(Place place) {
        return mayEnd(place.property, place.count)
                || mayGoOn(place)
                || keys.getOrDefault(place, NO_KEYS).characters.length > 0;
    }

    private Trie keys(int property, int count) {
        if (property == properties.size()) {
            return NO_KEYS;
        }
        Property first = properties.get(property);
        Trie later = first.required ? NO_KEYS : keys.getOrDefault(new Place(property + 1, count), NO_KEYS);
        Place next = new Place(property + 1, counted(count + 1));
        if (!hasRoom(count) || !isAlive(next)) {
            return later;
        }
        int[] key = JsonText.text(first.name).codePoints().toArray();
        Budget.spend(key.length);
        Integer tail = tails.get(next);
        if (tail == null) {
            tail = value(first.value, next);
            tails.put(next, tail);
        }
        return later.with(key, tail);
    }

    /// Adds a colon and a property's value, which leads to what may follow.
    ///
    /// @return the state before the colon
    private int value(Automaton value, Place next) {
        int tail = text.createState();
        int colon = text.createState();
        int begin = copy(value, mayEnd(next.property, next.count), mayFollow(next) ? afterComma(next) : -1);
        text.addTransition(tail, colon, ':');
        text.addTransition(colon, begin, ' ');
        JsonText.addBeginning(text, colon, value, begin);
        return tail;
    }

    private boolean mayFollow(Place place) {
        return mayGoOn(place) || keys.getOrDefault(place, NO_KEYS).characters.length > 0;
    }

    /// Copies the automaton of a value.
    ///
    /// @param ends whether the object may end after the value
    /// @param comma the state after a comma that may follow the value; negative if none may follow
    private int copy(Automaton value, boolean ends, int comma) {
        int begin = text.getNumStates();
        spend(value);
        text.copy(value);
        for (int state = 0; state < value.getNumStates(); state++) {
            if (value.isAccept(state)) {
                text.setAccept(begin + state, false);
                if (comma >= 0) {
                    text.addTransition(begin + state, comma, ',');
                }
                if (ends) {
                    text.addTransition(begin + state, end, '}');
                }
            }
        }
        return begin;
    }

    private int afterComma(Place place) {
        Integer known = afterComma.get(place);
        if (known == null) {
            int state = text.createState();
            int afterSpace = text.createState();
            text.addTransition(state, afterSpace, ' ');
            addKeys(state, place);
            addKeys(afterSpace, place);
            known = state;
            afterComma.put(place, known);
        }
        return known;
    }

    /// Adds transitions from `state` for the keys that may follow at a place.
    private void addKeys(int state, Place place) {
        Deque<Trie> left = new ArrayDeque<>();
        addKeys(state, keys.getOrDefault(place, NO_KEYS), left);
        while (!left.isEmpty()) {
            Trie trie = left.remove();
            addKeys(states.getOrDefault(trie, -1), trie, left);
        }
        if (mayGoOn(place)) {
            addOthers(state, place.count);
        }
    }

    private void addKeys(int state, Trie trie, Deque<Trie> left) {
        spend(trie.characters.length);
        for (int i = 0; i < trie.characters.length; i++) {
            Integer target;
            if (trie.targets[i] instanceof Trie next) {
                target = states.get(next);
                if (target == null) {
                    target = text.createState();
                    states.put(next, target);
                    left.add(next);
                }
            } else {
                target = (Integer) trie.targets[i];
            }
            text.addTransition(state, target, trie.characters[i]);
        }
    }

    /// Adds transitions from `state` for the keys of others, which follow so many properties.
    private void addOthers(int state, int count) {
        List<Integer> begin = others(most == Language.UNBOUNDED ? 0 : count);
        for (int i = 0; i < others.size(); i++) {
            spend(otherKeys.get(i).getNumTransitions(0));
            JsonText.addBeginning(text, state, otherKeys.get(i), begin.get(i));
        }
    }

    private List<Integer> others(int count) {
        List<Integer> known = othersBegin.get(count);
        if (known != null) {
            return known;
        }
        List<Integer> begin = new ArrayList<>();
        List<Integer> colons = new ArrayList<>();
        for (Automaton keys : otherKeys) {
            spend(keys);
            int first = text.getNumStates();
            text.copy(keys);
            int colon = text.createState();
            for (int state = 0; state < keys.getNumStates(); state++) {
                if (keys.isAccept(state)) {
                    text.setAccept(first + state, false);
                    text.addTransition(first + state, colon, ':');
                }
            }
            begin.add(first);
            colons.add(colon);
        }
        othersBegin.put(count, begin);
        int comma = -1;
        if (hasRoom(count + 1)) {
            comma = text.createState();
            int afterSpace = text.createState();
            text.addTransition(comma, afterSpace, ' ');
            addOthers(comma, count + 1);
            addOthers(afterSpace, count + 1);
        }
        for (int i = 0; i < others.size(); i++) {
            int value = copy(others.get(i).value, true, comma);
            text.addTransition(colons.get(i), value, ' ');
            JsonText.addBeginning(text, colons.get(i), others.get(i).value, value);
        }
        return begin;
    }
}
