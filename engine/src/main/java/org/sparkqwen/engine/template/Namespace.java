package org.sparkqwen.engine.template;

import java.util.Map;

/// What `namespace()` makes: the one kind of value whose attributes a template can set, also out of a loop.
record Namespace(Map<String, Object> attributes) {}
