# SPDX-License-Identifier: Apache-2.0
"""What scripts/bench measures, a concept a file: rig.py is the machine, the others are measures and how they are shown."""
