/// Renders chat templates: the part of Jinja that they are written in, with the output of Python's jinja2.
@NullMarked
package org.sparkqwen.engine.template;

import org.jspecify.annotations.NullMarked;
