/// Templates in the part of Jinja that chat templates are written in, with the output that Python's jinja2 has.
@NullMarked
package org.sparkqwen.engine.template;

import org.jspecify.annotations.NullMarked;
