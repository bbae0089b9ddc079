/// The vector back-end: the same bits as the scalar reference, on the JVM's vector module.
@NullMarked
package org.sparkqwen.engine.kernels.vector;

import org.jspecify.annotations.NullMarked;
