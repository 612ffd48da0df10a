"""The keyword finder: which of the 46 canonical services a driver's free text asks for.

Rule source: ``domain.md``, "Keywords". Pure, and quick on any text.

To add a keyword, add a row to ``KEYWORDS``: name, group, patterns, English before French. Patterns
are separated by commas and written as a text is read: lower case, no accents, no punctuation, and
without the small words of ``FILLERS``; ``_MISSPELT`` and ``_SPELLINGS`` mend common slips before.
In a pattern

=====================  =========================================================================
``brake pad``          is these words, one after the other
``front|rear``         is either word
``front|rear?``        may be missing
``leak/s/ed``          is the word alone or with an ending: leak, leaks, leaked
``<noise>``            is any word of that group of ``GROUPS``
``brake & pad``        is both near each other, in either order
``engine ~ <noise>``   is the first with the second near it; the second is not used up, since one
                       noise may come from two parts
``brake !``            is these words and no other but ``<aside>`` and numbers: for words that say
                       too little in a longer text
=====================  =========================================================================

The match that uses up most words wins them, ties go to the earliest: "brake pads" is not also brake
repair. Before that, ``OTHER_MEANINGS`` are struck out: "alarm clock", "battery of tests".
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain

REACH = 4
"""How many words may stand between the two sides of ``&`` and ``~``."""


@dataclass(frozen=True, slots=True)
class Keyword:
    """A canonical service keyword, its group in the catalogue, and how drivers say it."""

    name: str
    group: str
    patterns: tuple[str, ...]


def _patterns(text: str) -> tuple[str, ...]:
    return tuple(" ".join(pattern.split()) for pattern in text.split(",") if pattern.strip())


FILLERS = frozenset(
    """
    a an the my your his her its our their this that these those some any both all it i he she we
    you they me him them us is are was were be been being am has have had having do does did will
    would could should can may might must s re ll d m to at in into from for with by and or as so
    very really just quite too also always still again only ever often sometimes kind bit little
    there here which who get gets getting got keeps keep kept begins began
    quickly suddenly completely totally please
    le la les l un une de des du au aux mon ma mes ton ta tes sa ses notre nos votre vos leur
    leurs ce cet cette ces c ca j je tu il elle nous vous ils elles t se y en est sont etait etaient
    etre ete ont ai as avons avez avait avaient n ne qu que qui dans par avec et ou pour tres trop
    vraiment toujours encore souvent aussi juste peu
    """.split()
)
"""Small words left out of texts and patterns: "fuite de l'huile" is read as "fuite huile"."""

BREAKS = frozenset(
    """
    but however although though whereas otherwise fine ok okay perfect perfectly
    mais sinon cependant pourtant parfait parfaite
    """.split()
)
"""Words over which ``&`` and ``~`` do not reach: "the battery is fine, the alternator is dead"."""

GROUPS = {
    "noise": """
        noise/s noisy sound/s sounding loud/er squeal/s/ed/ing/y squeak/s/ed/ing/y screech/es/ing/y
        grind/s/ing rattle/s/d rattling clunk/s/ing/y knock/s/ing tick/s/ing clank/s/ing whir/ring
        hum/s/ming whine/s/d whining growl/s/ing roar/s/ing rumble/s rumbling pop/s/ping buzz/es/ing
        thump/s/ing ping/s/ing clatter/s/ing creak/s/ing/y groan/s/ing click/s/ing whistle/s
        whistling
        bruit/s bruyant/e/s/es grince/nt grincement/s claque/nt claquement/s cogne/nt cognement/s
        siffle/nt sifflement/s couine/nt couinement/s crisse/nt crissement/s gronde/nt grondement/s
        craque/nt craquement/s crie/nt ronronne/nt ronronnement bourdonne bourdonnement tape/nt
        hurle/nt sille/nt sillement cliquette cliquetis gemit vacarme
    """,
    "shake": """
        shake/s shaking shaky shudder/s/ing judder/s/ing vibrate/s vibrating vibration/s wobble/s
        wobbling wobbly shimmy shimmies pulse/s pulsing pulsate/s pulsating jerk/s/ing/y
        vibre/nt vibration/s tremble/nt tremblement/s secousse/s saccade/s
    """,
    "leak": """
        leak/s/ed/ing/y/age drip/s/ped/ping puddle/s seep/s/ing pouring lose/s losing lost
        fuit fuient fuyait fuite/s coule/nt coulait perd perdent perdait perte/s suinte/nt
        suintement/s degoutte/nt flaque/s
    """,
    "worn": """
        worn wear/s/ing bad badly dead dying die/s/d gone shot broken broke/s bust/ed blown blew
        bent crack/s/ed loose stuck seize/s/d rust/ed/y rotted warped fail/s/ed/ing/ure faulty
        defective damage/d weak torn toast missing hole/s frozen jam/med clog/ged burn/s/ed/t out
        stolen snapped finished old
        use/e/s/es fini/e/s/es mort/e/s/es brise/e/s/es casse/e/s/es perce/e/s/es rouille/e/s/es
        fendu/e/s/es defectueux defectueuse/s defaillant/e/s faible/s lousse/s bloque/e/s/es vole/e
        coince/e/s/es troue/e/s/es saute/e/s arrache/e/s tordu/e/s fatigue/e/s gele/e/s brule/e/s/es
        grille/e/s/es encrasse/e/s/es sale/s bouche/e/s/es abime/e/s/es lache dechire/e/s/es trou/s
    """,
    "fault": """
        problem/s issue/s trouble/s fault/s error/s wrong weird strange funny acting act/s no not
        wont doesnt dont isnt arent cant wouldnt didnt never stop/s/ped/ping quit/s warning/s
        malfunction/s/ing intermittent/ly smell/s smelly stink/s musty
        probleme/s defaut/s erreur/s panne/s bizarre/s etrange/s souci/s plus pas jamais mal misere
        difficile/s difficilement avertissement/s arrete/nt
    """,
    "check": """
        check/s/ed/ing inspect/s/ed/ing/ion test/s/ed/ing diagnose/d diagnosing diagnosis
        diagnostic/s look/s/ed/ing examine/d troubleshoot
        verifier verifie/e/s verification inspecter inspecte examiner examine tester diagnostiquer
    """,
    "repair": """
        repair/s/ed/ing fix/es/ed/ing rebuild/s/ing rebuilt overhaul/ed
        reparer repare/e/s/es reparation/s refaire refait/e reconditionner reconditionne/e/s/es
        reconditionnement reconstruire reconstruit/e reconstruction rebatir arranger
    """,
    "replace": """
        replace/s/d/ment/ments replacing change/s/d changing swap/s/ped/ping new
        changer change/e/s changement/s remplacer remplace/e/s/es remplacement/s neuf/s neuve/s
        nouveau/x nouvelle/s
    """,
    "install": """
        install/s/ed/ing/ation fit/s/ted/ting mount/ed/ing add/ed/ing put wire/d hardwire/d hook/ed
        upgrade/d/s upgrading want/ed aftermarket
        installer installe/e/s/es installation poser pose/e/s/es monter ajouter brancher mettre
    """,
    "light": """
        light/s lite lamp/s warning/s indicator/s symbol/s icon/s lit message/s alert/s
        voyant/s temoin/s lumiere/s lampe/s indicateur/s alerte/s symbole/s avertissement/s icone
        allume/e/s/es clignote/nt
    """,
    "scan": """
        scan/s/ned/ning scanner diagnose/d diagnosing diagnosis diagnostic/s readout/s code/s/d
        coding fault/s error/s
        diagnostiquer lecture valise defaut/s erreur/s
    """,
    "charge": """
        charge/s/d charging charger/s recharge/s/d recharging
        charge/nt recharge/nt recharger chargeur/s branche/e brancher
    """,
    "flush": """
        flush/es/ed/ing change/s/d changing drain/ed replace/d replacing replacement refill/ed
        exchange/d
        vidange/s vidanger rincage rincer flusher purge purger changement/s changer remplacer
        remplacement renouveler
    """,
    "run": """
        rough/ly power dies cuts smoke/s smoking sluggish idle/s idling stall/s/ed/ing hesitate/s
        hesitating hesitation surge/s surging sputter/s/ed/ing rev/s/ving bog/s bogging bucking
        broute cale calait tousse hesite fume boucane rate/s force etouffe eteint puissance emballe
        ratatouille hoquette
    """,
    "shift": """
        slip/s/ped/ping shift/s/ed/ing hesitate/s hesitating lag/s delay/s/ed slam/s gear/s reverse
        overheat/s/ing
        patine glisse glissait slippe/nt accroche coup/s force saute embarque embraye
        vitesse/s chauffe
    """,
    "drain": """
        drain/s/ed/ing flat discharge/s/d discharging hold/s corroded corrosion terminal/s boost/ed
        jump overnight low year/s health/y cold
        plat decharge/e vide tient tienne garde vieille borne/s survolter booster boost demarre/r
        demarrage nuit
    """,
    "stiff": """
        hard heavy stiff tight play slop/py vague wander/s/ing turn pull/s/ing crooked straight
        center/ed lock/s/ed
        dur/e durcit lourd/e raide mou molle jeu floue tire croche travers difficile tourner force
        bloque/e fuit
    """,
    "seat": """
        front rear back driver drivers passenger passengers left right
        avant arriere conducteur chauffeur passager gauche droite
    """,
    "window": "vitre/s fenetre/s",
    "unwilling": "wont doesnt dont not isnt arent cant cannot never stopped",
    "dim": """
        dim foggy yellow/ed cloudy hazy flicker/s/ing
        allume/nt eclaire/nt eteint/s embue/s buee jauni/s terne/s ternis opaque/s clignote polir
        restauration ajuster
    """,
    "gearbox": "transmission tranny trannie gearbox cvt dct dsg",
    "ev": """
        ev evs phev leaf bolt ioniq kona etron id4 i3 zoe lightning rivian polestar taycan niro ev6
        tesla
    """,
    "buy": "buy buying bought purchase purchasing achat acheter achete",
    "home": """
        house apartment condo building office bedroom room hotel kitchen cottage
        maison appartement immeuble bureau chambre salon cuisine logement chalet
    """,
    "lifeless": """
        dead died dying flat drained start starts started crank/s cranking turn boost jump nothing
        overnight night battery
    """,
    "gadget": """
        phone cellphone smartphone iphone laptop tablet watch flashlight drill toy
        telephone cellulaire portable ordinateur tablette montre
    """,
    "make": """
        acura audi bmw buick chevrolet chevy chrysler civic corolla dodge ford gmc honda hyundai
        infiniti jeep kia lexus mazda mercedes mini mitsubishi nissan peugeot porsche ram renault
        subaru tesla toyota volkswagen volvo vw
    """,
    "fine": """
        fine ok okay perfect/ly
        parfait/e/s/es
    """,
    "car": """
        car/s auto/s truck/s vehicle/s van/s suv pickup minivan automobile/s
        voiture/s char/s vehicule/s camion/s camionnette/s fourgonnette vus
    """,
    "part": """
        brake/s frein/s engine motor moteur transmission gearbox clutch embrayage exhaust muffler
        echappement suspension shocks struts amortisseur/s steering direction oil huile coolant
        antifreeze antigel radiator radiateur fuel gas essence battery batterie alternator
        alternateur starter demarreur ac clim climatisation heater chauffage abs airbag/s wiper/s
        headlight/s phare/s rotors pads plaquettes
    """,
    "faultless": """
        leak/s leakage noise/s problem/s issue/s trouble smell/s vibration/s grinding
        squeal/ing squeak/ing warning/s symptom/s
        fuite/s bruit/s probleme/s souci/s odeur/s vibration/s perte/s
    """,
}
"""Words with one meaning for the finder; a pattern names a group as ``<noise>``."""

GROUPS["aside"] = f"""
    {GROUPS["car"]} {GROUPS["make"]} hello hi hey please thanks help need/s want question urgent asap
    front rear left right side driver passenger price/s cost/s quote estimate how much
    bonjour salut allo svp merci aide besoin faut avant arriere gauche droit droite cote prix
    combien cout soumission
"""

GROUPS["trouble"] = " ".join(
    GROUPS[name] for name in ("noise", "shake", "leak", "worn", "fault", "check")
)

KEYWORDS = (
    Keyword(
        "check engine light",
        "diagnostics",
        _patterns("""
            check engine <light>?, engine check <light>, <light> check engine,
            <repair>? engine <light>,
            engine warning|management|malfunction|fault|trouble <light>,
            service engine <light>|soon, cel, mil ~ <light>, mil ~ on|flashing,
            malfunction indicator, dtc, obd|obd2|obdii code/s,
            engine|motor shape|shaped|looking <light>,
            <light> & shape|shaped|look|looks|looking|picture|outline of|like? engine|motor,
            voyant/s|temoin/s|lumiere/s|lampe orange|jaune|rouge|ambre? moteur|engine,
            <light> & forme|dessin|image|icone|symbole|ressemble|ressemblant petit? moteur,
            moteur allume|allumee|clignote, <light> orange|jaune|rouge? check, check moteur,
            <light> defaut|anomalie|panne moteur, code/s obd|obd2
        """),
    ),
    Keyword(
        "ABS warning",
        "diagnostics",
        _patterns("""
            abs brake/s|braking|traction? <light>, abs sensor/s|module|pump|code/s|system,
            abs ~ <light>, abs ~ <fault>,
            abs ~ kick/s|kicking|engage/s|activate/s|wheel|brake/s|braking, abs ~ <shake>,
            antilock brake/s|braking? <light>?, anti lock brake/s|braking? system? <light>?,
            <light> frein/s? abs, capteur/s|module|pompe|systeme|code abs,
            abs ~ frein/s|freine|freinage|roue|capteur|declenche|active|embarque|raison,
            <light>? antiblocage, anti blocage
        """),
    ),
    Keyword(
        "airbag light",
        "diagnostics",
        _patterns("""
            airbag/s <light>?, air bag/s <light>?, srs <light>?, supplemental restraint,
            <light> airbag/s|srs, <light>? coussin/s|sac/s|ballon/s gonflable/s, coussin/s securite
        """),
    ),
    Keyword(
        "tire pressure warning",
        "diagnostics",
        _patterns("""
            tpms <light>|sensor/s|system?, tire/s|tyre/s pressure, pressure ~ tire/s|tyre/s,
            pressure <light>|sensor/s, tire|tyre <light>|sensor/s, low tire|tyre <light>,
            tire|tyre monitor, exclamation mark|point? & tire|tyre, exclamation & horseshoe,
            <light> & shape|shaped|look|looks|looking|picture of|like? flat? tire|tyre,
            exclamation & pneu/s, exclamation & fer cheval,
            <light> & forme|dessin|image|ressemble|ressemblant pneu/s,
            <light>? pression ~ pneu/s, capteur/s? pression pneu/s, <light> pneu/s,
            capteur/s pneu/s, pneu/s ~ voyant|temoin
        """),
    ),
    Keyword(
        "engine diagnostic",
        "diagnostics",
        _patterns("""
            engine|motor ~ <noise>, engine|motor ~ <shake>, engine|motor ~ <fault>,
            engine|motor ~ <check>, engine|motor ~ <run>, engine|motor wont|doesnt|not|cant start,
            crank/s|cranking|cranked but? wont|doesnt|no|not start|fire|catch over?,
            misfire/s|misfired|misfiring,
            rough ~ idle/s|idling, idle/s|idling ~ <shake>,
            idle/s|idling ~ up|down|high|low|erratic|erratically|jumps|fluctuates|unstable|uneven,
            stall/s/ed/ing ~ <car>, stall/s/ed/ing ~ <make>,
            stall/s/ed/ing ~ light/s|idle|stop|stopped|driving|intersection,
            sputter/s/ing|bucking|hesitate/s|hesitating|hesitation|surging ~ <car>,
            sputter/s/ing|hesitate/s|hesitating|hesitation|bog/s|jerk/s ~ accelerate|accelerating,
            hesitation|jerk/s ~ acceleration|gas|throttle,
            loss|lack|lost|loses|losing|no|low engine? power, loss|lack of engine? power,
            power ~ uphill|hill/s|accelerate|accelerating|acceleration,
            white|blue|black|gray|grey smoke, limp mode, backfire/s|backfiring,
            noise/s|sound/s|knocking|ticking ~ hood, runs rough|roughly, oil pressure <light>?,
            oil <light>, obd|obd2|obdii scan/ner?,
            <car>|computer|engine|full diagnostic/s|diagnosis, need/s diagnostic/s,
            diagnostic/s ~ <car>,
            moteur ~ <noise>, moteur ~ <shake>, moteur ~ <fault>, moteur ~ <check>, moteur ~ <run>,
            moteur demarre pas|plus|mal, ralenti ~ <shake>, ralenti ~ <fault>,
            ralenti ~ instable|irregulier|bas|haut|varie|monte, rates allumage,
            rate|rates ~ moteur|cylindre/s|acceleration, perte|manque|perd|moins puissance,
            coups ~ acceleration|accelere|accelerant,
            <car> cale|calait|etouffe|broute|tousse|hesite|ratatouille|eteint|boucane|fume,
            cale|etouffe|eteint ~ lumiere/s|feu|feux|arret/s|stop/s|roulant|conduisant|route,
            force ~ cote/s|montant, tourne pas rond, tourne carre, broute, mode degrade,
            fumee|boucane blanche|bleue|noire|grise, bruit/s|cognement ~ capot, <light> huile,
            pression huile, diagnostic/s <car>|moteur|complet|general, scan/ner ~ <car>,
            scanner? obd|obd2, engine|motor|moteur !
        """),
    ),
    Keyword(
        "transmission diagnostic",
        "diagnostics",
        _patterns("""
            <gearbox> ~ <trouble>, gear box ~ <trouble>, <gearbox> ~ <shift>, <gearbox> & broute,
            trans slip/s|slipping|slipped,
            <gearbox> fluid|oil & <leak>, <gearbox> & <leak> & fluid|oil, no|lost reverse gear?,
            <gearbox> fluid|oil low|burnt|burned, <leak> <gearbox> fluid|oil,
            <gearbox> temperature|temp? <light>, gear/s ~ <noise>,
            gear/s ~ slip/s|slipping|stuck|skip/s|jump/s|hunts|hunting|pop/s,
            wont|doesnt|not|cant|refuses shift,
            wont|doesnt|not|cant go|move|engage gear|reverse|drive, reverse|drive ~ slam/s|clunk/s,
            shift/s/ing ~ hard|rough|roughly|late|erratic|erratically|slow|slowly|harsh|harshly,
            shift/s|shifting ~ <noise>, shift/s|shifting ~ <shake>,
            boite vitesse/s? ~ <trouble>, boite automatique|manuelle|auto ~ <trouble>,
            boite vitesse/s|automatique|manuelle ~ <shift>,
            vitesse/s ~ passe|passent|passer|rentre|rentrent|entre|embarque|embarquent,
            vitesse/s ~ accroche|accrochent|saute|sautent|craque|craquent, passer & vitesse,
            passage|changement/s|changer vitesse/s, reculons|recul ~ embarque|rentre|accroche,
            marche arriere ~ <fault>, marche arriere ~ <shift>,
            fuite|fuit|coule|perte huile|liquide|fluide transmission|boite,
            <gearbox> & <leak> & huile|liquide,
            <gearbox> & change/s|changing|shift/s|shifting gear/s,
            change/s|changing gear/s ~ <noise>, change/s|changing gear/s ~ <shake>,
            <gearbox> & change/nt|changer|changeant|changement/s|passage vitesse/s|rapport/s,
            boite vitesse/s? & change/nt|changer|changeant|changement/s vitesse/s|rapport/s,
            change/nt|changeant vitesse/s, <gearbox> !, boite vitesse/s !
        """),
    ),
    Keyword(
        "electrical diagnostic",
        "diagnostics",
        _patterns("""
            electrical problem/s|issue/s|fault/s?,
            electric|electronic problem/s|issue/s|fault/s|gremlin/s,
            electrical short|drain|failure|gremlin/s, electrics|electronics ~ <trouble>,
            fuse/s ~ <trouble>, fuse/s ~ blow/s|blowing|pop/s, short circuit/s|circuiting,
            wiring ~ <trouble>, wiring ~ short, wiring harness, wire/s ~ <worn>,
            wire/s ~ chewed|melted|frayed|short|shorted, chewed wire/s|wiring,
            power door? window/s|lock/s|seat/s|mirror/s, window/s switch|motor|regulator,
            window/s stuck|jammed down|open|shut|closed|halfway|up?,
            window/s fell|dropped door|down,
            window/s <unwilling> go|going|roll|rolling|open|close|work|working|move|moving up|down?,
            <unwilling> roll|open|close|put|raise|lower up|down? <seat>? window/s up|down?,
            speedometer|odometer ~ <trouble>, fuel|gas gauge ~ <trouble>, brakelight ~ <fault>,
            brakelight ~ out|dead|work|working|stuck,
            central locking, door locks ~ <fault>, door? lock actuator/s,
            dash|dashboard|gauge/s|cluster|interior light/s? ~ flicker/s|flickering|dead|black|dark,
            lights flicker/ing, parasitic draw|drain, horn ~ <fault>, bad ground,
            turn signal/s ~ <trouble>, turn signal/s light/s? ~ fast|faster|rapid|rapidly|blinking,
            signal light/s ~ fast|faster|blinking|out, signal/s blinks|blinking|flashing|flashes,
            blinker/s ~ fast|faster|rapid|rapidly, blinker/s ~ <trouble>,
            electrique/s ~ probleme/s|panne/s|trouble/s|defaut/s|souci/s|diagnostic|bogue,
            systeme|circuit|contact electrique, electricite ~ <car>, electricite ~ <trouble>,
            faux contact/s, fusible/s, court circuit/s, filage, faisceau, cablage,
            fil/s electrique/s, vitre/s|fenetre/s|siege/s|miroir/s|serrure/s electrique/s,
            verrouillage|barrure/s central|centralise|electrique/s,
            <window> <seat>? descend/ent|monte/nt|remonte/nt|ouvre/nt|ferme/nt plus|pas|mal,
            <window> <seat>? descend|tombe/e seule|porte,
            pas|plus capable? monter|remonter|descendre|baisser|lever|ouvrir|fermer <window>,
            <window> <seat>? bloquee/s|coincee/s|gelee/s,
            tableau bord ~ eteint|noir|clignote|mort, klaxon ~ <fault>, clignotant/s ~ <trouble>,
            clignotant/s|flasher/s ~ vite|rapidement, flasher/s ~ <trouble>,
            electrical|wiring|horn|klaxon !, fuse/s !
        """),
    ),
    Keyword(
        "battery diagnostic",
        "diagnostics",
        _patterns("""
            <car>? battery|batteries ~ <worn>, battery ~ <fault>, battery ~ <check>,
            battery ~ <replace>, battery ~ <light>, battery ~ <charge>, battery ~ <drain>,
            <car> battery, battery <light>|test, jump start/s/ed/ing, need/s|needed jump|boost,
            boost <car>, <car> wont|doesnt|didnt|not|no start, wont|doesnt|no start ~ morning|cold,
            batterie/s ~ <worn>, batterie ~ <fault>, batterie ~ <check>, batterie ~ <replace>,
            batterie ~ <light>, batterie ~ <charge>, batterie ~ <drain>, batterie <car>, survoltage,
            survolter, booster|boost|boostee|crinquer ~ <car>|matin/s|jours, cable/s booster,
            demarre|demarrer pas|plus|difficilement, <car> part|demarre pas|plus|mal, pas demarrer,
            <car> veut|voulait pas|plus partir|demarrer,
            veut pas|plus demarrer, veut pas|plus partir ~ matin|froid, batterie terre,
            left|leave|leaving|forgot interior|dome? headlight/s|light/s|lamp/s on ~ <lifeless>,
            headlights|lights left on, interior|dome light/s left on,
            left|leave|leaving|forgot headlights|lights on !, left|leaving headlights|lights on
            night|overnight|day, forgot turn|switch off? headlights|lights off?,
            no juice, out of juice,
            laisse/r|oublie/r phare/s|lumiere/s|feux|plafonnier allume/e/s/es|ouvert/e/s/es,
            oublie fermer|eteindre phare/s|lumiere/s|feux|plafonnier,
            besoin|faut|faudrait|donner|demande|prend|prendrait faire? boost|booster|jump|survolter,
            boost necessaire|requis|urgent|svp, plus|pas jus, battery|batteries !, batterie/s !
        """),
    ),
    Keyword(
        "alternator diagnostic",
        "diagnostics",
        _patterns("""
            alternator/s <light>?, alternator isnt|not|wont|doesnt|stopped? charge|charging battery,
            dim|dims|dimming|flicker|flickering light/s|headlight/s & battery <light>,
            light/s|headlight/s dim|dims|dimming|flicker|flickering & battery <light>,
            charging system <light>?, alternateur/s,
            phare/s|lumiere/s faible/s|baisse/nt|faiblit|faiblissent & <light> batterie,
            alternateur plus|pas? charge|recharge plus|pas? batterie, systeme charge
        """),
    ),
    Keyword(
        "HVAC diagnostic",
        "diagnostics",
        _patterns("""
            hvac, ac compressor|system|unit|fan|condenser|recharge clutch?,
            air con|conditioning|conditioner|cond compressor?, aircon, climate control, ac, freon,
            refrigerant, blower motor|fan, blower ~ <trouble>,
            blower ~ works|speed/s|setting/s|high|low, heater ~ <trouble>,
            heater ~ cold|blow/s|blowing|vent/s|works|<car>, heater core|blower|fan|motor,
            heating ~ <trouble>, heating ~ <car>,
            heat ~ vent/s|blow/s|blowing|works|<car>|driving|windshield, no heat, <car> heat,
            heat doesnt|wont|stopped|quit|died, heat working|worked|barely|hardly,
            heat not|isnt|cant|never work/s/ing|coming|turning|hot|warm|on,
            heat|heater|heating|chauffage|ventilation !,
            defrost/er/ers, vent/s ~ cold|hot|warm|air|blow/s|blowing,
            cold|hot|warm air ~ blow/s|blowing|vent/s, blow/s|blowing cold|hot|warm, blend door,
            climatisation, clim, air climatise/e|clim|conditionne/e, climatiseur, chaufferette,
            compresseur ac|clim|climatisation, recharge|recharger ac|clim|climatisation|gaz,
            chauffage ~ <trouble>, chauffage ~ <car>, chauffe pas|plus ~ <car>,
            <car> chauffe pas|plus,
            chauffage ~ froid|tiede|air|ventilateur|souffle|fonctionne|marche, degivreur, degivrage,
            desembuage, ventilation ~ <car>, ventilation ~ <trouble>,
            ventilation ~ fonctionne|marche|vitesse|souffle,
            vente froid|chaud|tiede, pas|plus chaleur & <car>,
            souffle|souffler air? ~ froid|chaud|tiede,
            ventilateur ~ chauffage|habitacle|vitesse|max,
            soufflerie
        """),
    ),
    Keyword(
        "hybrid battery diagnostic",
        "diagnostics",
        _patterns("""
            hybrid battery|batteries pack|cell/s|cooling? fan?, hybrid & battery|batteries pack?,
            prius & battery pack?, hybrid system, hv|traction battery|batteries,
            high voltage battery, check hybrid,
            batterie/s & hybride/s, batterie/s & prius, batterie/s haute tension,
            batterie/s traction, systeme hybride, haute tension & hybride
        """),
    ),
    Keyword(
        "EV charging diagnostic",
        "diagnostics",
        _patterns("""
            ev charging|charger station|cable|port?, electric <car> & <charge>,
            electric & <charge> & <car>, plug hybrid & <charge>,
            <ev> electric|electrique? & <charge>, model 3|x? & <charge>,
            charge|charging port/s|inlet door|flap|latch?, charging cable|station|gun|handle|plug,
            fast|dc|level|home charge|charger|charging 1|2|3?, level 1|2|3 charge|charger|charging,
            supercharger/s, supercharge, supercharging, chademo, ccs, j1772, onboard charger,
            wallbox,
            <car> electrique/s & <charge>, <car> electrique/s & borne/s,
            <charge> <car> electrique/s, ve & recharger|borne/s|branche,
            ve charge|recharge plus|pas, recharge ve,
            hybride rechargeable & charge|recharge|recharger,
            borne/s recharge|rapide|publique|domicile, borne/s ~ <car>, borne/s & <charge>,
            port|prise|cable|trappe|station recharge|charge, recharge rapide|niveau|domicile
        """),
    ),
    Keyword(
        "backup camera installation",
        "installations",
        _patterns("""
            backup|reverse|reversing|rearview|rear|parking|backing camera/s|cam/s,
            back up camera/s|cam/s, rear view|facing camera/s|cam/s, backupcam,
            camera/s ~ reverse|reversing|backup|backing,
            camera/s recul|arriere|stationnement, camera/s marche arriere,
            camera/s ~ recul|reculer|reculons
        """),
    ),
    Keyword(
        "dashcam installation",
        "installations",
        _patterns("""
            dashcam/s, dash cam/s|camera/s, dashboard cam|camera/s, camera/s & dash|dashboard,
            camera/s bord|embarquee/s, camera/s tableau bord, camera/s & pare brise
        """),
    ),
    Keyword(
        "remote starter installation",
        "installations",
        _patterns("""
            remote <car>|engine? start/er/ers/ing/s, start & remotely,
            start <car> phone|app|house|inside, autostart/er, auto start/er/ers,
            automatic <car>? starter, command start/er,
            demarreur/s|starter/s distance|telecommande/s|automatique|intelligent,
            demarreur/s & distance,
            demarrage/s distance|telecommande, demarrer & distance, demarreur ~ manette|telecommande
        """),
    ),
    Keyword(
        "audio system installation",
        "installations",
        _patterns("""
            stereo/s ~ <install>, stereo/s ~ <replace>, stereo ~ <fault>, stereo ~ cuts|cutting,
            <car> stereo|audio|radio|sound|speaker/s system?, audio|sound|stereo system/s,
            speaker/s ~ <install>, speaker/s ~ <replace>, speaker/s ~ <worn>,
            speaker/s ~ door/s|dash|<car>|<make>|crackle|crackling|buzz|distort, subwoofer/s,
            amplifier/s ~ <install>, amp/s ~ <install>, amp/s ~ sub/s, head unit/s, headunit,
            aftermarket radio, carplay, car play, android auto, double din, touchscreen radio,
            factory radio, new radio ~ <car>,
            radio ~ install|installed|installing|installation|fitted|replace|replaced|upgrade|swap,
            radio ~ installer|installe|poser|pose|changer|remplacer|brancher|neuve|nouvelle,
            radio auto|char|voiture, autoradio/s, haut|hauts parleur/s,
            systeme/s|caisse/s|caisson son|basses|graves, systeme audio|stereo|sonore,
            chaine stereo, amplificateur, ampli ~ <install>, poste radio, lecteur cd
        """),
    ),
    Keyword(
        "GPS tracker installation",
        "installations",
        _patterns("""
            gps track/er/ers/ing, gps & track/er/ers/ing,
            <car>|asset|fleet|hidden|theft tracker/s|tracking, tracker/s ~ <car>,
            tracker/s ~ <make>, tracker/s ~ <install>, tracking device/s|unit|system,
            gps & locator|locate,
            traceur/s gps?, gps & traceur/s|reperage|localisation|mouchard|suivi|antivol,
            balise/s gps? antivol?, localisateur/s gps?,
            dispositif/s|systeme/s|puce reperage|tracage|localisation, reperage ~ <car>,
            reperage ~ <make>, geolocalisation ~ <car>
        """),
    ),
    Keyword(
        "alarm system installation",
        "installations",
        _patterns("""
            alarm/s system/s, <car> alarm/s system?, alarm/s ~ <install>, alarm/s ~ <car>,
            alarm/s ~ <make>, alarm/s ~ siren|shock|theft/s|stolen|fob|hood|trunk, anti theft,
            antitheft, immobilizer/s, immobiliser/s, security system ~ <car>,
            systeme/s alarme/s, alarme/s ~ <install>, alarme/s ~ <car>, alarme/s ~ <make>,
            alarme/s antivol|vol, antivol/s, anti vol/s, antidemarrage, anti demarrage|demarreur,
            immobilisateur
        """),
    ),
    Keyword(
        "brake repair",
        "repairs",
        _patterns("""
            brakes, brake ~ <trouble>, brake ~ <repair>, brake ~ <replace>,
            brake pedal|caliper/s|rotor/s|disc/s|line/s|fluid|hose/s|drum/s,
            brake booster|job/s|service|system|master, brake ~ pedal|sinks,
            brake ~ spongy|soft|mushy|fade|lock|locking|floor|burning|smell,
            brake ~ pull/s|pulling, brake <light>, rotor/s ~ <worn>, rotors, caliper/s, calliper/s,
            brakelight ~ dash|dashboard|cluster|tableau, master cylinder,
            parking|emergency|hand|e|park brake/s, handbrake, braking ~ <trouble>,
            braking ~ pull/s|pulling|distance, breaks ~ <noise>,
            breaks ~ spongy|soft|mushy|worn|pedal, break pedal|caliper/s|rotor/s|fluid|line/s|job,
            breaks ~ squishy,
            freins, frein ~ <trouble>, frein ~ <repair>, frein ~ <replace>,
            frein main|stationnement|urgence,
            pedale|liquide|fluide|conduite/s|ligne/s|flexible/s|cylindre frein/s|brake/s,
            disque/s|rotor/s|etrier/s|tambour/s frein/s, maitre cylindre, etrier/s,
            disque/s ~ voile/s|rouille/s|use/s|gauchi/s,
            freine/nt|freiner|freinant|freinage|freinais ~ <trouble>, freinage,
            freine|freiner|freinant ~ tire|mou, brake|braking|frein|freiner !
        """),
    ),
    Keyword(
        "suspension repair",
        "repairs",
        _patterns("""
            suspension, air suspension compressor|bag/s?, shock/s absorber/s, shocks ~ <trouble>,
            shocks ~ <replace>, shock/s strut/s, strut/s shock/s|mount/s|assembly?, shock ~ <leak>,
            shock mount/s|tower, ball joint/s, control arm/s bushing/s?, bushing/s,
            sway bar link/s? bushing/s?, stabilizer|stabiliser bar|link/s link/s?,
            coil|leaf spring/s, spring/s ~ <worn>, bump/s|pothole/s|bumpy ~ <noise>,
            bump/s|pothole/s ~ bounce/s|bouncing|bouncy|bottoms,
            sag/s|sagging|bouncy|bounce/s|bounces ~ <car>, bouncy ride, <car> bounce/s, bounces,
            amortisseur/s, jambe/s force|suspension, ressort/s ~ <worn>, ressort/s ~ <replace>,
            ressort/s suspension, rotule/s ~ <trouble>, rotule/s ~ <replace>, rotule/s suspension,
            bras suspension|controle, bras triangulation, triangle/s suspension|avant|inferieur,
            barre/s stabilisatrice/s|stabilisateur,
            lien/s|bras|biellette/s stabilisateur/s|stabilisatrice|barre, silentbloc/s,
            silent bloc/s, bosse/s|cahots|trous ~ <noise>, nid/s poule/s ~ <noise>,
            dos ane ~ <noise>, shocks !, rotule/s|ressort/s !
        """),
    ),
    Keyword(
        "engine repair",
        "repairs",
        _patterns("""
            engine|motor & <repair>, <replace> engine|motor, engine need/s? <replace>,
            engine|motor & seize/d|blown|blew|locked|used|reman|threw|work, head gasket/s,
            headgasket/s, cylinder head/s, piston/s ring/s?, camshaft/s, cam shaft, crankshaft,
            engine|motor mount/s, thrown|threw|throwing rod, connecting rod/s, rod bearing/s|knock,
            spun bearing, valve job, bent valve/s, engine block, cracked block, lifter/s, oil pump,
            rocker arm/s,
            moteur & <repair>, <replace> moteur, moteur <replace>,
            moteur & saute|fini|grippe|lache|explose|fendu|saisi|usage|refection|brise|casse|mort,
            joint/s culasse, culasse, arbre cames, vilebrequin, support/s moteur, soupape/s,
            segment/s piston/s?, bielle/s ~ coulee|moteur, bloc moteur, poussoir/s
        """),
    ),
    Keyword(
        "transmission repair",
        "repairs",
        _patterns("""
            <gearbox> & <repair>, <gearbox> & <replace>, <gearbox> & reman|used|shop,
            gear box & <repair>, torque converter/s, valve body, transmission mount, transfer case,
            mechatronic,
            transmission & finie|usagee, boite vitesse/s? & <repair>, boite vitesse/s? & <replace>,
            boite automatique|manuelle & <repair>, convertisseur couple
        """),
    ),
    Keyword(
        "clutch repair",
        "repairs",
        _patterns("""
            clutch, clutch pedal|disc|disk|plate|kit|cable|fluid|master|slave|job cylinder?,
            slave cylinder, throwout|release bearing/s, throw out bearing/s, pressure plate,
            flywheel,
            embrayage pedale|disque|broute?, embrayer, debrayer,
            pedale|disque|kit|cable|butee|plateau embrayage|clutch, volant moteur|bimasse
        """),
    ),
    Keyword(
        "steering repair",
        "repairs",
        _patterns("""
            power|electric steering pump|fluid|leak|belt|hose|rack|motor?,
            steering rack|column|box|linkage|shaft, steering wheel? ~ <trouble>,
            steering wheel? ~ <repair>, steering wheel? ~ <light>, steering wheel? ~ <stiff>,
            hard|difficult|stiff|heavy steer, steer ~ <trouble>, steer ~ hard, rack pinion,
            no|low|lost|loss power steering, tie rod/s end/s?, pitman arm, idler arm,
            direction assistee, servo direction, servodirection, direction ~ <stiff>,
            direction ~ bruit/s|grince|craque|vibre, cremaillere direction?, volant ~ <shake>,
            volant ~ <noise>, volant ~ <stiff>,
            embout/s|rotule/s|biellette/s|colonne|boitier direction,
            pompe|liquide|fluide direction assistee?, pompe|liquide|fluide steering,
            barre accouplement, steering|volant wheel? !
        """),
    ),
    Keyword(
        "wheel bearing repair",
        "repairs",
        _patterns("""
            wheel|hub bearing/s hub|assembly?, bearing/s ~ wheel/s|hub|front|rear,
            bearing/s ~ <noise>, bearing/s ~ <replace>, bearing/s ~ <worn>, wheel hub/s assembly?,
            hub assembly, wheel/s ~ growl/s|growling|hum/s|humming|roar|roaring|grinding,
            humming|droning|roaring|growling|hum|drone ~ speed/s|louder,
            roulement/s roue/s, roulement/s bille/s, roulement/s ~ roue/s|avant|arriere|moyeu,
            roulement/s ~ <noise>, roulement/s ~ <replace>, roulement/s ~ <worn>, moyeu/x,
            bearing/s roue/s, bearing/s ~ roue/s,
            roue/s ~ ronronne|ronronnement|gronde|grondement|bourdonne|bourdonnement|sillement,
            grondement|ronronnement|bourdonnement|sillement ~ vitesse|roule|roulant,
            bearings !, roulement/s !
        """),
    ),
    Keyword(
        "exhaust repair",
        "repairs",
        _patterns("""
            muffler/s, exhaust pipe/s|system|manifold/s|leak/s|gasket|tip|hanger|flex|clamp,
            exhaust ~ <trouble>, exhaust ~ <repair>, exhaust ~ <replace>,
            exhaust ~ hanging|hangs|dragging|fell|fumes|smell/s|cabin|smoke, catalytic converter/s?,
            cat converter/s, catalyst, tailpipe/s, tail pipe/s, resonator, flex pipe, dpf,
            particulate filter/s, egr valve?,
            silencieux ~ <worn>, silencieux ~ <noise>, silencieux ~ <replace>,
            silencieux ~ <repair>, silencieux ~ tombe|detache|traine|pend|decroche|souder,
            echappement, pot/s|tuyau/x|systeme|ligne|collecteur|fuite|flexible echappement,
            pot/s|convertisseur/s catalytique/s, catalyseur/s, filtre/s particule/s, fap, vanne egr,
            exhaust !
        """),
    ),
    Keyword(
        "cooling system repair",
        "repairs",
        _patterns("""
            engine|motor|<car>? overheat/s/ed/ing, over heating|heats, runs|running hot,
            rad ~ <leak>, rad ~ <trouble>, rad ~ <replace>, radiator hose/s|fan/s|cap?,
            water pump/s,
            coolant hose/s|reservoir|tank|light|temperature|temp|level|leak/s|loss|fan|warning,
            coolant ~ <leak>, coolant ~ <trouble>,
            coolant ~ disappear/s|disappearing|low|empty|boiling|smell|topping, antifreeze ~ <leak>,
            antifreeze ~ <trouble>, antifreeze ~ low|smell|topping, cooling system|fan/s,
            thermostat ~ <trouble>, thermostat ~ <replace>, thermostat housing,
            engine? temperature|temp gauge|needle|light|warning, engine temperature|temp,
            temperature|temp|needle|gauge ~ hot|high|climbs|climbing|red,
            steam ~ hood|engine|radiator, boil/s|boiling over, coolant|antifreeze ~ add|adding,
            heater hose,
            surchauffe/r/nt, moteur|<car> chauffe|chauffait, chauffe ~ moteur|<car>|trafic,
            radiateur/s, pompe/s eau, calorstat, durite/s,
            boyau/x radiateur|coolant|chauffage|refroidissement,
            ventilateur/s radiateur|moteur|refroidissement, fan radiateur,
            liquide refroidissement ~ <trouble>,
            liquide refroidissement ~ niveau|bas|baisse|manque|disparait, antigel ~ <trouble>,
            coolant|antigel|prestone ~ baisse|manque|descend|disparait|bas,
            <leak> antigel|coolant|prestone, prestone ~ <leak>,
            <leak> liquide refroidissement, systeme|circuit refroidissement,
            aiguille|gauge|jauge|temperature|chaleur ~ rouge|monte|haute|chaud,
            jauge|voyant|aiguille|gauge temperature, thermostat !
        """),
    ),
    Keyword(
        "fuel system repair",
        "repairs",
        _patterns("""
            fuel pump/s relay?,
            fuel injector/s|injection|filter/s|line/s|tank|rail|leak/s|pressure|system|regulator,
            fuel ~ <leak>, fuel ~ <trouble>, injector/s,
            gas|gasoline|petrol tank|pump|line|filter|leak/s ~ <car>,
            gas|gasoline|petrol tank|line/s|filter, gas|gasoline|petrol tank? ~ <leak>,
            smell/s|smelling|stink/s|odor|odour|reek/s of? gas|gasoline|petrol|fuel|diesel,
            smell/s|odor|odour ~ gas|gasoline|petrol|fuel,
            gas|gasoline|petrol|fuel smell|fumes|odor, carburetor/s, carburettor, carb ~ <repair>,
            petrol pump, evap,
            pompe/s essence|carburant|gaz|gasoil|diesel|fuel, injecteur/s, injection ~ <trouble>,
            injection essence|diesel|electronique|directe,
            filtre/s essence|carburant|gasoil|diesel|gaz,
            odeur/s|senteur|sent|pue essence|carburant|gaz|gasoil|diesel,
            reservoir/s|tank essence|carburant|gaz|gasoil, <leak> essence|gasoil|carburant|gaz,
            carburateur/s, alimentation|conduite/s|ligne/s|tuyau essence|carburant|gaz,
            systeme carburant|essence|alimentation, rampe injection
        """),
    ),
    Keyword(
        "oil leak repair",
        "repairs",
        _patterns("""
            engine|motor? oil <leak> under? engine|motor|<car>?, engine|motor & oil <leak>,
            oil & <leak>, oil & spot/s|stain/s|spots, puddle|patch|pool|drop/s|stain of? oil,
            oil pan gasket? <leak>?, valve cover gasket/s? <leak>?, rear? main seal, crank seal,
            oil seal, oil over <car>|engine|driveway|ground,
            huile moteur? & <leak>, huile & tache/s|goutte/s, <leak> huile moteur?,
            joint/s cache|couvercle culbuteur/s|soupape/s, couvercle soupape/s|culbuteur/s,
            carter huile?, pan huile, joint spi
        """),
    ),
    Keyword(
        "starter motor repair",
        "repairs",
        _patterns("""
            starter motor/s, starter ~ <trouble>, starter ~ <replace>, starter ~ <repair>,
            starter ~ engage/s|spin/s|drag/s|drags|solenoid|relay|turn|key|<car>, starter solenoid,
            solenoid, click/s|clicking ~ start|key|turn|crank|ignition,
            <car>? click/s|clicking|clicked but? <unwilling>|no start|crank|turn|fire over?,
            <car>? <unwilling>|no start|crank|turn over? & click/s|clicking|clicked,
            clique/nt|cliquer|clic/s mais? <car>? demarre|part|partir|demarrer pas|plus|jamais,
            <car>? demarre|part pas|plus mais? & clique/nt|cliquer|clic/s,
            demarreur/s, solenoide, clique|cliquetis|clic ~ cle|demarre|demarrer|contact|demarrage,
            tourne cle, starter !
        """),
    ),
    Keyword(
        "headlight replacement",
        "repairs",
        _patterns("""
            headlight/s bulb/s|lens|assembly|restoration?, headlamp/s bulb/s|lens?,
            head light/s|lamp/s bulb/s|assembly?, low|high|dipped beam/s bulb/s|headlight/s?,
            front light/s ~ <worn>, front light/s bulb/s, bulb/s ~ headlight/s, xenon|hid bulb/s,
            fog light/s|lamp/s,
            phare/s ~ <worn>, phare/s ~ <fault>, phare/s ~ <replace>, phare/s ~ <repair>,
            phare/s ~ <car>, phare/s avant|gauche|droit|antibrouillard|xenon, phare/s ~ <dim>,
            phare/s & ampoule/s,
            ampoule/s|lumiere/s|bulbe|feu|feux|lampe/s phare/s|avant|croisement, optique/s phare,
            feu|feux croisement|route, phare/s !
        """),
    ),
    Keyword(
        "oil change",
        "maintenance",
        _patterns("""
            engine|motor? oil filter? change/s|changed|changing|service,
            oil filter? & change/s|changed|changing, change/s|changing engine|motor? oil filter?,
            oil filter/s, synthetic oil, lube oil filter?, oil lube, oil life|level|due|service,
            new|fresh oil, oilchange,
            changement/s|changer|change huile moteur? filtre?,
            huile & changement/s|changer|change|changee|vidange/s|remplacer,
            vidange huile|moteur moteur? filtre?, vidange/s huile, vidange, filtre/s huile,
            niveau huile
        """),
    ),
    Keyword(
        "tire rotation",
        "maintenance",
        _patterns("""
            tire/s|tyre/s|wheel/s rotation/s balance|balancing?,
            tire/s|tyre/s|wheels & rotate|rotates|rotated|rotation/s|rotating,
            swap|switch|move front & rear|back & tire/s|tyre/s|wheels,
            rotation/s & pneu/s|roue/s, permutation/s & pneu/s|roue/s,
            permuter|permute|intervertir|inverser|alterner & pneu/s|roue/s,
            faire|faites tourner & pneu/s|roues, pneu/s|roues & faire tourner,
            pneus tourner, tourner pneus
        """),
    ),
    Keyword(
        "brake pad replacement",
        "maintenance",
        _patterns("""
            brake/s|break/s front|rear? pad/s rotor/s|disc/s?, front|rear? pad/s rotor/s|disc/s,
            rotor/s|disc/s brake? pad/s, brake/s & pad/s, pads ~ <worn>, pads ~ <replace>,
            front|rear pads, pads ~ mm|squeal|squealing|grinding|thin|left|metal|low,
            brake|break lining/s, brake/s|break shoe/s, brakepad/s,
            plaquette/s frein/s|freinage disque/s?, plaquette/s ~ <worn>, plaquette/s ~ <replace>,
            plaquette/s ~ <noise>, plaquette/s avant|arriere frein/s?, plaquette/s & frein/s,
            plaquette/s disque/s frein/s?, disque/s plaquette/s frein/s?, plaquettes,
            pad/s & frein/s|freins, garniture/s|sabot/s|machoire/s|bande/s frein/s
        """),
    ),
    Keyword(
        "timing belt replacement",
        "maintenance",
        _patterns("""
            timing belt/s kit|tensioner|cover?, timing chain/s kit|tensioner|guide/s?, timing kit,
            cam belt/s, cambelt/s, timing & belt/s,
            courroie/s|chaine/s|kit|strap/s|belt distribution|timing|synchronisation,
            courroie/s & distribution|timing
        """),
    ),
    Keyword(
        "air filter replacement",
        "maintenance",
        _patterns("""
            engine|motor? cabin|cab? air intake|cleaner? filter/s, cabin|pollen|intake filter/s,
            filter/s & cabin, air cleaner, airfilter/s,
            filtre/s air moteur|habitacle|cabine?, filtre/s habitacle|cabine|pollen,
            filtre/s & habitacle|cabine
        """),
    ),
    Keyword(
        "spark plug replacement",
        "maintenance",
        _patterns("""
            spark plug/s wire/s|gap|coil/s?, sparkplug/s,
            plugs ~ fouled|gap|engine|cylinder/s|v6|v8|coil/s|ignition|wires|misfire|iridium,
            plugs ~ <replace>, due plugs,
            bougie/s allumage moteur?, bougie/s ~ <replace>, bougie/s ~ <worn>, bougie/s ~ <car>,
            bougie/s ~ moteur|cylindre/s|noire/s|iridium|km|bobine/s, bougies !
        """),
    ),
    Keyword(
        "coolant flush",
        "maintenance",
        _patterns("""
            coolant flush/ed/ing|change|exchange|service|replacement, coolant & <flush>,
            antifreeze & <flush>, radiator & flush/ed/ing|drain|drained|refill,
            cooling system & flush/ed/ing|drain|bleed,
            <flush> liquide|circuit|systeme? refroidissement, <flush> antigel|coolant|radiateur,
            liquide refroidissement & <flush>, antigel|coolant & <flush>,
            radiateur & rincage|rincer|flush|flusher|vidange|vidanger|purge|purger
        """),
    ),
    Keyword(
        "transmission fluid change",
        "maintenance",
        _patterns("""
            <gearbox>|trans fluid|oil filter? <flush>?, <flush> <gearbox>|trans fluid|oil,
            gear box? oil|fluid, <gearbox> flush|service|drain,
            flush|drain|service <gearbox> fluid|oil?, <gearbox> & flush/ed/ing,
            atf fluid|change|flush?, fluid & <gearbox>,
            <flush>? huile|liquide|fluide transmission|boite vitesse/s|automatique?,
            huile|liquide|fluide & transmission,
            vidange|rincage|flush|vidanger|flusher transmission|boite vitesse/s|automatique?,
            transmission & vidange|flush|rincage|vidanger, boite & huile|vidange|vidanger,
            huile|vidange cvt|dsg|bva
        """),
    ),
    Keyword(
        "wiper replacement",
        "maintenance",
        _patterns("""
            windshield|windscreen|rear|front? wiper/s blade/s|arm/s|motor|refill/s|insert/s?,
            wiperblade/s, windshield blades,
            balai/s|moteur|lame/s|caoutchouc|bras? essuie/s glace/s, essuieglace/s,
            essui|essuis|essuit glace/s
        """),
    ),
    Keyword(
        "pre-purchase inspection",
        "maintenance",
        _patterns("""
            pre purchase|buy|buying inspection|check|vehicle|car?, prepurchase inspection?, ppi,
            used <car> inspection|check, inspection of? used <car>,
            buying used & kijiji|marketplace|autotrader, before <buy> & <check> ~ <car>,
            <check> & before & <buy> ~ <car>, <check> & prior & <buy>,
            <check> & before & <buy> & one|used, <check> & <buy> & used, mechanic & <buy> & used,
            inspect/ed/ing/ion|checked|checking|looked done|out|over? mechanic? before|prior <buy>,
            before|prior <buy> want|need|like? inspection|inspected,
            prior|before <buy> used|<car>, <buy> used|second hand? <car>,
            inspection/s avant|pre? <buy>, inspection/s preachat, pre achat, preachat,
            avant <buy> ~ <car>, avant & <buy> ~ <check>, <check> & <buy> & <car>,
            <check> & usage|usagee|occasion & <car>, inspection/s <car> usage|usagee|occasion
        """),
    ),
    Keyword(
        "BMW coding",
        "brand work",
        _patterns("""
            bmw idrive, idrive bmw?, bmw ~ <scan>, bmw & code|coding|coded & battery,
            bmw ~ program/med/ming|retrofit/ted/ting|inpa|esys|carly|activate|enable|module/s, ista,
            bimmercode, bimmer ~ <scan>, coding bmw, diagnostic/s bmw,
            problem/s|issue/s|trouble bmw,
            bmw ~ codage/s|coder|encodage|encoder|programmation|programmer|reprogrammation|activer,
            codage bmw, probleme/s|souci bmw
        """),
    ),
    Keyword(
        "Tesla diagnostics",
        "brand work",
        _patterns("""
            tesla ~ <scan>, tesla ~ <light>,
            tesla ~ problem/s|issue/s|trouble|glitch/es|glitchy|touchscreen|screen|autopilot,
            tesla ~ software|toolbox|mcu|reboot/s|rebooting|wrong|acting, problem/s|issue/s tesla,
            tesla wont|doesnt|not|cant|isnt|refuses start|move|drive|driving|go|turn|wake|boot|respond,
            tesla stopped working|moving|driving|responding, tesla dead|died|bricked,
            tesla avance|roule|demarre|bouge|repond|allume|marche|fonctionne|reveille plus|pas,
            tesla refuse ~ avancer|demarrer|rouler|bouger, tesla morte|bloquee|immobilisee,
            tesla veut plus|pas avancer|demarrer|rouler|bouger,
            tesla ~ probleme/s|souci/s|ecran|panne|bogue|bug|autopilote|verifier,
            probleme/s|souci tesla
        """),
    ),
    Keyword(
        "Mercedes STAR diagnostic",
        "brand work",
        _patterns("""
            mercedes benz? star scan|diagnosis|diagnostic/s?, mercedes benz? ~ <scan>,
            benz|merc|amg ~ <scan>, star scan|diagnosis|diagnostic/s|tool,
            xentry scan|diagnosis|diagnostic/s?, mercedes|benz & star|xentry,
            mercedes|benz ~ module|message, problem/s|issue/s|trouble mercedes|benz,
            diagnostic/s mercedes, diagnostic|valise star mercedes?, probleme/s|souci mercedes
        """),
    ),
    Keyword(
        "Audi VCDS diagnostic",
        "brand work",
        _patterns("""
            audi vcds|vagcom|odis, vcds scan|readout|diagnostic/s?, audi ~ <scan>,
            audi & vcds|vagcom|odis, vag com, vagcom, odis, obdeleven, ross tech,
            audi ~ module|message|adaptation, problem/s|issue/s|trouble audi,
            diagnostic/s audi, probleme/s|souci audi
        """),
    ),
    Keyword(
        "Porsche diagnostic",
        "brand work",
        _patterns("""
            porsche piwis, piwis session|scan|diagnostic/s|readout|tester?, porsche ~ <scan>,
            porsche & piwis|durametric, porsche ~ module|message|session, durametric,
            problem/s|issue/s|trouble porsche,
            diagnostic/s porsche, probleme/s|souci porsche
        """),
    ),
)
"""The canonical service keywords, grouped as in the catalogue."""

OTHER_MEANINGS = _patterns("""
    <gadget> battery|charger|charging|charge/s, battery|batterie of? <gadget>,
    <gadget> no|low|dead|out|plus|pas of? battery|batterie, batteries <gadget>|remote,
    key? fob|remote battery|batteries, key battery, battery|batteries key? fob|remote,
    batterie/s|pile/s cle/s|manette|telecommande, aa|aaa batteries,
    battery of & test/s|testing|exam/s|question/s|interviews, assault & battery,
    starter home/s|kit/s|pack/s|deck|house|salad|dish, starter ~ sourdough|dinner|menu,
    alarm clock/s|bell/s, fire|smoke|false|burglar|home|<home> alarm/s system/s?,
    alarm/s & fire|smoke|wake|clock|<home>, set alarm, <car>? alarm/s goes|go|going|went off,
    <car>? alarm <unwilling> stop, alarme/s <car>? part|sonne|declenche|crie,
    oil painting/s|paint|price/s|tanker/s|spill/s|company|rig|industry|pastel/s|canvas,
    olive|cooking|coconut|essential|palm|canola|vegetable|frying|fish|hair|massage|heating oil,
    oil & tanker/s|pipeline, search|jet|train|plane|airplane|fire|boat|lawnmower|game engine/s,
    engine|motor of growth|change, boat|trolling motor, leaf|snow blower/s, motor home,
    clutch of? egg/s,
    clutch purse/s|handbag|bag/s|player/s|moment|hit|shot|goal|performance, through clutch,
    bearing/s mind, deer & headlights, exhaust other? options|supply|patience,
    water|space|block|pool|patio heater/s, water tank,
    thermostat|heat|heating|heater|radiator|rad|radiateur/s|chauffage|chauffe & <home>,
    air con|conditioner|conditioning|conditionne|climatise & <home>, ac & <home>,
    ac adapter|power|outlet|voltage|current|milan, steering committee/s|group|clear,
    brakes on? spending|growth|inflation|plan/s|project, tail|stop light/s bulb/s?,
    brakelight bulb/s,
    brake hard|fast|suddenly? & avoid|avoided|deer|moose|dog|cat|cyclist|pedestrian,
    slam|slammed|hit|jammed on? brakes & avoid|miss|deer|moose|dog|cat|cyclist|pedestrian,
    suspension of sentence|payments|service|season|licence|license,
    licence|license|school|student suspension, suspension & licence|license|school|student|player,
    suspension bridge, muffler & scarf, flu injection, torn|shoulder|knee rotator|ligament,
    air filter/s & furnace|vacuum|purifier|<home>, furnace filter/s, gas leak/s? & stove|<home>,
    gas bill|price/s|station/s|stove|mileage,
    radio station/s|silence|show|host|ad|ads|program|wave/s|canada,
    bluetooth|loud|conference|guest|keynote|native speaker/s, speakers & conference|event|meeting,
    amp charger, stereo type/s, radio transmission, transmission of knowledge|data|values|documents,
    transmission & disease/s|virus|data, health|food|safety|sanitary|home|<home> inspection,
    <check> & <home>, <buy> & <home>, tesla stock|share/s|coil, nikola tesla, catalyst of|growth,
    fitness tracker, star wars|show, hole punch, no problem/s|issue/s|noise/s|leak/s|trouble,
    electrical engineer/s|engineering|outlet|bill|company|tape, electric bill,
    jump start economy|career,
    <car> wont|doesnt|didnt|not|no start ~ starter|fuel|remote|session|alternator|pump|app|video,
    auto start stop, gear up, blood|water pressure, pression arterielle|sanguine, exhaust fan|hood,
    overheat/s|overheating & <gadget>, batterie & cuisine|tambour|musicien,
    batterie tests|questions|examens, joue batterie, alarme/s & incendie|feu|fumee|reveil|<home>,
    huile/s olive/s|cuisson|cuisine|essentielle/s|coco|canola|vegetale|friture|lin|coude|massage,
    huile & olive, moteur/s recherche|bateau|tondeuse|avion|croissance|changement|essuie,
    chauffe bloc|eau, bloc chauffe, climatisation|clim|climatiseur & <home>, radiateur electrique,
    filtre/s air fournaise|aspirateur|maison|thermopompe|purificateur,
    filtre/s & fournaise|aspirateur|thermopompe,
    frein/s|freinage & croissance|economie|developpement|innovation|depenses|projets, mettre frein,
    feu|feux|lumiere/s arriere, ampoule/s frein/s,
    suspension permis|travaux|cours|ecole|paiements|seance|joueur,
    boite lettre/s|courriel|reception|vocale|lunch|gants|outils, changement|changer direction,
    transmission & connaissances|maladie/s|savoir|documents|donnees|entreprise|virus,
    inspection & batiment|travaux, demarreur conversation|barbecue, embrayer sur, silencieux comme,
    pompe/s eau & <home>, produit/s|vitesse|mesure/s|exposition|oeuvre|projet|film phare/s,
    phare/s ile|breton|mer, gardien phare,
    bougie/s & gateau|anniversaire|parfumee/s|cire|chandelle|souffler|romantique,
    vidange fosse|septique, vidange & poubelle/s|recyclage|bac|ramassage, fuite/s gaz|eau & <home>,
    tache/s huile & chandail|chemise|pantalon, roulement/s tambour/s|personnel|equipe/s|fonds,
    plaquette/s sanguine/s|beurre|chocolat|publicitaire/s|information,
    disque/s dur/s|vinyle/s|compact/s, injection & vaccin|insuline|cortisone, soupape securite,
    volant badminton, pot/s fleur/s, aucun|pas|sans|plus probleme/s|souci/s|bruit/s, sans fuite/s,
    no|not|isnt|without|zero <part> <faultless>, no check engine <light>?, no warning <light>,
    nothing wrong <part>, <part> seem/s|look/s|feel/s|run/s|work/s|working? <fine>,
    <part> seem/s|look/s|feel/s|run/s|work/s? good|great|well but,
    sans|aucun|aucune <faultless> <part>, sans|aucun voyant/s moteur?,
    <part> fonctionne/nt|marche/nt|va|vont|freine/nt bien, <part> correct/e/s/es|impeccable/s,
    <part> bon/s|bonne/s mais, <part> bon etat,
    check? engine|abs|airbag|srs|battery|oil|tpms|pressure|warning <light> not|isnt|never on|lit,
    check engine not|isnt|never on|lit, <light>? check engine pas|plus|jamais allume/e/s/es,
    <light>|check moteur pas|plus|jamais allume/e/s/es,
    <light> abs|airbag|batterie|huile|pression pneu/s? pas|plus|jamais allume/e/s/es,
    changed oil filter? last|yesterday|recently, oil change|changed last|yesterday|recently,
    change huile filtre? hier|recemment,
    change huile filtre? semaine|mois|annee derniere|dernier|passe|passee,
    nearest|closest ev? charging|charge|charger|supercharger station/s?,
    ev? charging|charge|charger|supercharger station/s? nearby|near,
    find ev? charging|charge|charger|supercharger station/s?,
    pompe/s|borne/s|station/s essence|gaz|recharge|rapide? & proche/s|proximite,
    trouver|cherche pompe/s|borne/s|station/s essence|gaz|recharge|rapide,
    recommended|correct|right|proper|ideal|normal front|rear? tire|tyre pressure,
    quelle pression gonfle/r|mettre? pneu/s, pression pneu/s? recommandee|ideale|normale pneu/s?,
    backup plan/s|generator|data|file/s|driver|singer, neighbour/s|neighbor/s <car> alarm,
    click|clicked on? play, click|clicked|clicking & link|page|app|website|video, clique|cliquer|clic sur,
    broute & herbe|vache/s|mouton/s|chevreuil/s,
    video|session|app|link|page|website <unwilling>|no start|work|load|open,
    five|5|four|4|three|3|one|1 star/s, star rating/s|rated|review/s|hotel,
    sound system & party|church|concert|wedding|<home>, window/s|vitre/s|fenetre/s & <home>,
    use|used|using turn signal/s|blinker/s,
    left|leave|leaving lights on & <home>, laisse lumiere/s allumee/s & <home>,
    boost & energy|confidence|morale|sales|productivity|career|ego|immune|vaccine,
    boost & energie|confiance|moral|ventes|productivite|vitamine/s|vaccin,
    juice & orange|apple|fruit|lemon|breakfast|fridge|glass|<gadget>,
    jus & orange/s|pomme/s|fruit/s|raisin|citron|legumes|frigo|<gadget>,
    exces vitesse, velo|trottinette|guitare|chaise electrique/s
""")
"""Phrases in which those words do not speak of a car, in the same notation."""


def find_keywords(text: str) -> list[str]:
    """Names of the services ``text`` asks for, in order of first appearance, each once.

    Any text is fine: empty, emoji, another language, 10,000 characters.
    """
    words = _words(text)
    for match in _best(_matches(words, _other_meanings())):
        for at in match.used:
            words[at] = ""
    found = sorted(_best(_matches(words, _services())), key=lambda match: match.used[0])
    return list(dict.fromkeys(match.name for match in found))


def canonical(name: str) -> str | None:
    """The service keyword called ``name``, compared without case and accents; None if unknown."""
    return _names().get(_fold(name).strip())


@cache
def _names() -> dict[str, str]:
    return {_fold(keyword.name): keyword.name for keyword in KEYWORDS}


# Reading a text -------------------------------------------------------------------------------

_WORD = re.compile(r"[a-z0-9]+")
_MISSPELT = {
    "altenator": "alternator",
    "alternater": "alternator",
    "batery": "battery",
    "battrie": "batterie",
    "baterie": "batterie",
    "conditionner": "conditioner",
    "dieing": "dying",
    "embreyage": "embrayage",
    "exaust": "exhaust",
    "exhuast": "exhaust",
    "frette": "froid",
    "muffleur": "muffler",
    "mufler": "muffler",
    "pus": "plus",
    "raditor": "radiator",
    "squeeling": "squealing",
    "suspention": "suspension",
    "tranmission": "transmission",
    "transmision": "transmission",
    "transmition": "transmission",
    "trasmission": "transmission",
}
"""Common slips and spoken forms, word for word."""

_SPELLINGS = (
    (re.compile(r"\b(\w+n) t\b"), r"\1t"),  # won't, doesn't
    (re.compile(r"\ba c\b(?! est| etai)"), "ac"),  # A/C, A.C., but not "il y a, c'est"
    (re.compile(r"\bp[0-3][0-9a-f]{3}\b"), "dtc"),  # P0420: a diagnostic trouble code
    (re.compile(r"\b(?:check|chek|ckeck) ?(?:engine?|engien|enigne|engne) ?"), "check engine "),
    (re.compile(r"\b(knock|grind|squeal|squeak|leak|slipp|rattl|shak|click|clunk)in\b"), r"\1ing"),
    (re.compile(r"\b(mon|ton|son|un|le|my|his|her|a|the) pick up\b"), r"\1 pickup"),
    (
        re.compile(  # which pressure to pump up to
            r"\b(?:what|whats|which|tell me|know)(?: (?:s|is|are|should|the|a|my|right|correct"
            r"|proper|recommended|normal|ideal|best|front|rear))* t[iy]res? pressure"
            r"(?! (?:light|warning|sensor|symbol|system|indicator|monitor|message|alert))"
        ),
        " ",
    ),
    (
        re.compile(  # done already
            r"\b(?:just|already|recently) (?:changed (?:the|my|its) oil|(?:had|got|did)"
            r"(?: (?:a|an|the|my|its|full|synthetic)){0,3} oil (?:changed?|done))\b"
            r"|\b(?:vien[st]|venons) (?:tout )?(?:juste )?de (?:faire |changer |avoir )+"
            r"(?:\w+ ){0,2}?(?:vidange|(?:changement d )?huile)\b"
        ),
        " ",
    ),
    (re.compile(r"\b(engin|engien|enigne|engne)(?= lights?\b)"), "engine"),
    (
        re.compile(
            r"\b(?:(?<!lock )(?<!hand )(?<!parking )(?<!emergency )(?<!\be )brake (?:light|lamp)s?"
            r"|(?:feux?|lumieres?|lampes?|lights?) (?:d(?:e|es|u) )?(?:freins?|brakes?|stops?))\b"
        ),
        "brakelight",  # no brake, and mostly no light on the dash
    ),
    (re.compile(r"\bpas d(?:e|es|u)? (?=fuite|bruit|probleme|souci|odeur|voyant)"), "sans "),
    (
        re.compile(
            r"\b(?:fine|okay|ok|good|well|perfect|bien|bons?|parfaits?) "  # fine at times: not fine
            r"(?=when|until|till|unless|if|except|at first|most|in the morning|quand|sauf|a froid"
            r"|(?:but|mais) (?:they|ils|elles|when|sometimes|noisy|loud|squea|grin|make|vibr|cri))"
        ),
        "",
    ),
    (  # whether they are fine is a question
        re.compile(
            r"((?:^(?:are|is)|\b(?:if|whether|si)) .{1,30}?) (?:fine|okay|ok|good|corrects?)\b"
        ),
        r"\1",
    ),
)
"""What is written in many ways, and the one way patterns write it."""


def _fold(text: str) -> str:
    """``text`` in lower case without accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(char for char in decomposed if not unicodedata.combining(char))
    return bare.replace("œ", "oe").replace("æ", "ae")


def _words(text: str) -> list[str]:
    """The words of ``text`` as patterns write them, without punctuation and fillers."""
    plain = " ".join(_WORD.findall(_fold(text)))
    for spelling, usual in _SPELLINGS:
        plain = spelling.sub(usual, plain)
    words = (_MISSPELT.get(word, word) for word in plain.split())
    return [word for word in words if word not in FILLERS]


# Reading the patterns -------------------------------------------------------------------------

_Words = tuple[frozenset[str], ...]
"""Words that follow one another; at each place one of several."""


@dataclass(frozen=True, slots=True)
class _Side:
    """What must stand near the first side of a pattern, and whether its words are used up.

    ``readings`` are with and without the words that may be missing, longest first; every reading
    begins with one of ``heads`` and ends with one of ``tails``.
    """

    readings: tuple[_Words, ...]
    heads: frozenset[str]
    tails: frozenset[str]
    used_up: bool


@dataclass(frozen=True, slots=True)
class _Pattern:
    name: str
    first: _Words
    others: tuple[_Side, ...]
    alone: bool


@dataclass(frozen=True, slots=True)
class _Match:
    name: str
    used: tuple[int, ...]


@cache
def _choice(element: str) -> frozenset[str]:
    """The words that ``leak/s/ed|drip`` or ``<noise>`` stands for."""
    words: set[str] = set()
    for option in element.split("|"):
        if option.startswith("<"):
            words.update(*map(_choice, GROUPS[option[1:-1]].split()))
        else:
            stem, *endings = option.split("/")
            words.update((stem, *(stem + ending for ending in endings)))
    return frozenset(words)


def _readings(text: str) -> tuple[_Words, ...]:
    readings: list[_Words] = [()]
    for element in text.split():
        choice = _choice(element.removesuffix("?"))
        with_it = [(*reading, choice) for reading in readings]
        readings = with_it + readings if element.endswith("?") else with_it
    return tuple(sorted(filter(None, readings), key=len, reverse=True))


@cache
def _side(text: str, used_up: bool) -> _Side:
    readings = _readings(text)
    heads = frozenset().union(*(reading[0] for reading in readings))
    tails = frozenset().union(*(reading[-1] for reading in readings))
    return _Side(readings, heads, tails, used_up)


def _by_first_word(rows: Iterable[tuple[str, tuple[str, ...]]]) -> dict[str, list[_Pattern]]:
    index: dict[str, list[_Pattern]] = {}
    for name, patterns in rows:
        for text in patterns:
            first, *rest = re.split(" ([&~]) ", text.removesuffix(" !"))
            near = zip(rest[::2], rest[1::2], strict=True)
            others = tuple(_side(side, used_up=mark == "&") for mark, side in near)
            for reading in _readings(first):
                pattern = _Pattern(name, reading, others, alone=text.endswith(" !"))
                for word in reading[0]:
                    index.setdefault(word, []).append(pattern)
    return index


@cache
def _services() -> dict[str, list[_Pattern]]:
    return _by_first_word((keyword.name, keyword.patterns) for keyword in KEYWORDS)


@cache
def _other_meanings() -> dict[str, list[_Pattern]]:
    return _by_first_word([("", OTHER_MEANINGS)])


# Matching -------------------------------------------------------------------------------------

_NOWHERE = range(0)


def _matches(words: list[str], index: dict[str, list[_Pattern]]) -> Iterator[_Match]:
    present = frozenset(words)
    possible = {
        word: [pattern for pattern in index[word] if _possible(pattern, present)]
        for word in present
        if word in index
    }
    for start, word in enumerate(words):
        for pattern in possible.get(word, ()):
            used = _used(words, start, pattern)
            if used:
                yield _Match(pattern.name, used)


def _possible(pattern: _Pattern, present: frozenset[str]) -> bool:
    """Whether a text of these words can have ``pattern`` at all: most patterns end here."""
    return (
        not any(map(present.isdisjoint, pattern.first))
        and not any(present.isdisjoint(side.heads) for side in pattern.others)
        and not (pattern.alone and _says_more(present, pattern.first))
    )


def _says_more(present: frozenset[str], words: _Words) -> bool:
    """Whether a text of these words, some perhaps struck out, says more than ``words``."""
    more = present.difference(_choice("<aside>"), *words)
    return not all(map(str.isdigit, more))


def _used(words: list[str], start: int, pattern: _Pattern) -> tuple[int, ...]:
    """The places of the words that ``pattern`` uses up from ``start`` on; none if not there."""
    first = _at(words, start, pattern.first)
    if not first:
        return ()
    used = set(first)
    for side in pattern.others:
        near = _near(words, first, side)
        if not near:
            return ()
        if side.used_up:
            used.update(near)
    return tuple(sorted(used))


def _at(words: list[str], start: int, reading: _Words) -> range:
    end = start + len(reading)
    if start < 0 or end > len(words):
        return _NOWHERE
    for place, choice in zip(range(start, end), reading, strict=True):
        if words[place] not in choice:
            return _NOWHERE
    return range(start, end)


def _near(words: list[str], here: range, side: _Side) -> range:
    """Where ``side`` stands near ``here``, first after and then before it; else an empty range."""
    after = range(here.stop, min(here.stop + REACH + 1, len(words)))
    before = range(here.start - 1, max(here.start - REACH - 2, -1), -1)
    starts = (
        (place, reading)
        for place in _up_to_a_break(words, after)
        if words[place] in side.heads
        for reading in side.readings
    )
    ends = (
        (place + 1 - len(reading), reading)
        for place in _up_to_a_break(words, before)
        if words[place] in side.tails
        for reading in side.readings
    )
    for start, reading in chain(starts, ends):
        if found := _at(words, start, reading):
            return found
    return _NOWHERE


def _up_to_a_break(words: list[str], places: range) -> Iterator[int]:
    for place in places:
        yield place
        if words[place] in BREAKS:
            return


def _precedence(match: _Match) -> tuple[int, int, int]:
    """Most words first, then the earliest, then the closest together."""
    return -len(match.used), match.used[0], match.used[-1]


def _best(matches: Iterable[_Match]) -> list[_Match]:
    """The matches that stand when each, in order of precedence, uses up its words."""
    taken: set[int] = set()
    best: list[_Match] = []
    for match in sorted(matches, key=_precedence):
        if taken.isdisjoint(match.used):
            taken.update(match.used)
            best.append(match)
    return best
