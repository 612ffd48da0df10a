"""What the keyword finder hears in drivers' own words, and what it must not hear."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.matching.keywords import FILLERS, KEYWORDS, OTHER_MEANINGS, canonical, find_keywords

VECTORS = Path(__file__).parent.parent / "vectors"
SHARED = Path(__file__).parents[2].parent / "shared" / "vectors"
GIVEN = json.loads((VECTORS / "keywords.json").read_text(encoding="utf-8"))
NAMES = [keyword.name for keyword in KEYWORDS]

# Ways in which drivers say each keyword and nothing else, separated by bars.
SPOKEN = {
    "check engine light": """
        My check engine light came on this morning | the CEL is flashing when I accelerate | Service
        Engine Soon message on the dash of my Altima | engine light has been on for two weeks |
        Amber engine warning light after filling up | scanner shows code P0420 | La lumière du check
        engine est allumée | le témoin moteur clignote depuis hier | voyant orange du moteur allumé
        en permanence | mon check engine reste allumé | Hi, my 2014 Corolla has had the check engine
        light on since Tuesday, what should I do? | yellow engine light came on after I got gas |
        CEL on, no other symptoms | the check engine came on again | Check-engine lamp won't turn
        off | got a P0171 code | Mon voyant moteur s'est allumé en roulant | la lumière d'engine est
        allumée | voyant de moteur orange, est-ce grave? | J'ai le check-engine qui s'allume et
        s'éteint | The check-engine light is flashing and I don't know if I can drive it home | Why
        does my check engine light come on when it rains? | engine light won't go off even after
        tightening the gas cap | Dash says 'Service engine soon' | CEL came back after I cleared it
        | my mechanic pulled code P0455 | My engine malfunction light is lit | voyant moteur orange
        fixe sur ma Clio | ma lumière check-engine vient d'allumer | le témoin d'anomalie moteur est
        apparu | check engine allumé depuis 3 jours | CEL is on | engine light blinking | voyant
        check engine | witness: the Check Engine indicator is lit | MIL is on | lumière moteur
        allumée | yellow check engine symbol | check engine flashing while towing |
        Check engin light | checkengine light on | lumière orange en forme de moteur | check enigne
        light since Monday | le checkengin est allumé | yellow engine shaped light | orange light
        that looks like an engine on my dash | un voyant qui ressemble à un moteur | j'ai un témoin
        en forme de petit moteur |
        the engine check light is blinking | chek engine lite is on | une lumière jaune en forme de
        moteur vient d'allumer | ma lumière de check engine flash | check engine light won't go off
        | check engine not going away | le voyant moteur ne s'éteint pas | Is it safe to drive with
        the check engine light on? | la lumière de check engine est allumée depuis hier
    """,
    "ABS warning": """
        ABS warning light is on | The anti-lock brake light will not go away | my abs sensor needs
        replacing I think | amber ABS symbol on the dashboard | the ABS kicks in on dry pavement |
        Le témoin ABS reste allumé | lumière ABS dans le tableau de bord | problème de capteur ABS à
        la roue avant | ABS light and traction control light both on | my ABS warning stays lit |
        dash shows ABS fault | antilock brake warning on my Sierra | ABS module bad? | le voyant de
        l'ABS s'allume en roulant | lumière des freins ABS allumée | l'ABS se déclenche sans raison
        | témoin d'antiblocage allumé | ABS and traction lights came on at the same time | ABS light
        stays on after wheel sensor replaced | Anti-lock light on the dash of my Tundra | faulty ABS
        sensor front left | My ABS activates for no reason at low speed | le voyant d'ABS ne
        s'éteint plus | capteur ABS défectueux | message ABS dans le tableau | ABS lamp lit | alerte
        ABS | l'ABS est allumé | my ABS is acting up | ABS pump motor failure | anti-lock braking
        system warning |
        ABS light on and the pedal pulses
    """,
    "airbag light": """
        Airbag light on since the fender bender | air bag warning on my dash | SRS lamp keeps
        blinking | passenger airbag indicator won't go off | the air-bag module has a fault | le
        voyant airbag s'allume | témoin de sac gonflable allumé | ma lumière de coussins gonflables
        clignote | The airbag warning light came on after I moved the seat | SRS error on my Honda |
        why is my air bag light blinking | supplemental restraint system light | Airbag fault code
        B0028 | la lumière d'airbag reste allumée | coussin gonflable passager désactivé, voyant
        allumé | voyant SRS sur ma Honda | airbag light flashing on 2008 Jetta | SRS airbag warning
        | passenger air bag off light is always on | Airbags were recalled, and my light is on |
        voyant d'airbag allumé sur ma Renault | lumière SRS allumée | le témoin de coussin gonflable
        ne s'éteint pas | air bag indicator on | SRS | témoin d'airbag | passenger airbag off | sac
        gonflable défectueux | airbag recall
    """,
    "tire pressure warning": """
        tire pressure light keeps coming on when it's cold | low tyre pressure alert on the dash |
        TPMS sensor is dead | The tire light is on but the tires look fine | need the tire pressure
        monitoring system reset | le voyant de pression de pneu reste allumé | lumière de pneu
        allumée dans mon dash | capteur de pression des pneus à changer | TPMS light flashing then
        solid | low tire pressure warning every morning | My tire pressure sensor stopped working |
        the tires are full but the pressure warning stays on | exclamation mark tire light | le TPMS
        ne se réinitialise pas | voyant de pneu sous-gonflé | la lumière de pression d'air des pneus
        est allumée | my tire pressure light won't turn off after filling the tires | TPMS fault |
        the low tire light comes on when it's cold out | tyre pressure monitoring warning on my Golf
        | replace a TPMS sensor | tire pressure reads wrong on one wheel | alerte de pression des
        pneus | le témoin de basse pression s'allume pour mes pneus | capteurs TPMS à remplacer |
        TPMS | low tyre pressure light | tire sensor fault | pneus: voyant de pression | the TPMS
        sensors need batteries | manque de pression dans les pneus, voyant allumé |
        light on the dash looks like a tire with exclamation mark | exclamation point in a horseshoe
        on the dash | a dash light shaped like a flat tire | un point d'exclamation dans un fer à
        cheval |
        lumière de tire pressure allumée | voyant des pneus allumé même si la pression est correcte
        | What does the tire pressure light mean? | tire pressure is low | tire pressure light
        blinking | la pression de mes pneus baisse tout le temps | tpms light keeps flashing | Tire
        light on after swapping to winters
    """,
    "engine diagnostic": """
        Engine misfires on cold mornings | car stalls at red lights | my engine is making a knocking
        sound | truck has no power going uphill and hesitates | it idles rough and shakes at a stop
        | blue smoke when I start it | I need an OBD scan of the car | Le moteur tousse et cale |
        mon ralenti est instable | perte de puissance à l'accélération | le moteur de mon char cogne
        le matin | My engine is shaking badly when I stop | Car loses power on the highway | the
        engine cranks but won't start | weird ticking noise from the engine bay | It sputters when I
        accelerate | engine revs up and down by itself at idle | engine cuts out while driving |
        Rough idling after a cold start | le moteur broute à bas régime | mon char manque de
        puissance dans les côtes | le moteur s'éteint en roulant | gros bruit de moteur au démarrage
        | ma voiture cale à l'arrêt | Le moteur a des ratés | My car shudders when idling at a stop
        light | Engine stalled twice today on the highway | there is a knocking in the motor | no
        power when I step on the gas, the engine bogs | motor runs rough when cold | car jerks when
        accelerating | Engine has a tick when warm | the truck misfires under load | black smoke
        from my diesel | engine making weird sounds | my engine keeps dying at idle | Le moteur fait
        un drôle de bruit quand j'accélère | mon auto tousse à l'accélération | le moteur manque de
        force | ralenti irrégulier à froid | le moteur vibre beaucoup à l'arrêt | mon camion boucane
        bleu | la voiture broute | misfire on cylinder 2 | engine stalls at lights | moteur qui
        tremble | perte de puissance moteur | car won't accelerate, no power | the motor sputters |
        engine surging at cruise | engine pinging under load | poor acceleration and rough idle |
        engine hesitation | moteur qui cale | moteur bruyant | le moteur claque à froid | ralenti
        qui varie | diagnostic moteur | engine makes a tapping sound on start | the motor shakes the
        whole car | loses power going up hills | moteur qui hoquette | the idle goes up and down |
        oil light came on | voyant d'huile | no check engine light, but it stalls at idle | the car
        has no power and no check engine light |
        my check engine light is NOT on but it idles rough | mon voyant moteur n'est pas allumé,
        mais ça broute | There's a weird knocking coming from under the hood when I accelerate |
        Engine's knockin real bad | Just had an oil change and now there's a ticking from the engine
        | F150 cranks but won't fire | oil light came on while idling | mon pick-up boucane bleu |
        le moteur tourne carré | ça cogne dans le moteur | le check engine est pas allumé mais le
        moteur broute | on vient de faire faire l'huile, pis là le moteur claque | just got the oil
        changed and the oil light is on | ça broute au ralenti | l'auto broute à froid | mon auto
        cale aux lumières | mon moteur claque à froid | mon auto manque de puissance dans les côtes
        | mon char étouffe aux lumières
    """,
    "transmission diagnostic": """
        transmission is jerking when it shifts from second to third | the gearbox grinds going into
        reverse | My CVT shudders at low speed | it won't shift into third gear | DCT problem on my
        Veloster | automatic transmission stuck in park | la transmission glisse quand j'accélère |
        ma boîte de vitesses craque | les vitesses passent mal à froid | transmission won't go into
        reverse | My automatic transmission hesitates before engaging drive | gears grind when I
        shift to third | there's a clunk from the transmission when I put it in drive | tranny slips
        when hot | Shifts really hard between 1st and 2nd | DSG gearbox jerks in traffic | la
        transmission donne des coups | la boîte de vitesses automatique patine | j'ai de la misère à
        passer la deuxième vitesse | la transmission ne passe plus les vitesses | Transmission makes
        a whining noise in second gear | It jerks hard going from park to drive, transmission maybe
        | my transmission is slipping | car won't go in reverse | My gearbox is noisy in neutral |
        delayed shifting on my Nissan CVT | transmission temperature warning | can't shift out of
        first gear | the trans light is blinking on my Ford, the transmission acts strange | la
        transmission saute entre la 2e et la 3e | bruit dans la boîte de vitesses | la marche
        arrière ne passe plus | transmission automatique qui accroche | la CVT de mon Rogue vibre |
        gearbox jerks | slips out of gear | CVT whine | boîte de vitesses qui accroche | la
        transmission patine | DCT hesitation from a stop | hard shifting | rough shifting into
        second | the transmission clunks | mauvaise transmission, elle glisse | diagnostic de
        transmission | vitesses qui craquent | the automatic gearbox hunts between gears |
        transmission leaking red fluid | no reverse gear | la boîte saute des rapports, boîte de
        vitesses automatique | tranny grinding |
        la transmission saute quand elle change de vitesse | the transmission jerks when it changes
        gears | ma boîte de vitesses craque quand je change de rapport | La transmission donne un
        coup en changeant de vitesse |
        Tranny slips when it's cold out | trasmission slipping between 2nd and 3rd | transmision
        fluid is leaking | ma transmission slippe | les vitesses rentrent mal | My F-150 won't shift
        out of park | clunk when I put it in reverse | grinding when shifting into third gear | ma
        transmission saute des vitesses
    """,
    "electrical diagnostic": """
        Electrical issue: dash goes black randomly | the same fuse blows every week | I think there
        is a short circuit somewhere | wiring problem after the accident | power windows stopped
        working | un fusible saute tout le temps | court-circuit dans le tableau de bord | problème
        de filage dans mon pick-up | les vitres électriques ne marchent plus | All my dash lights
        flicker while driving | the power locks and windows work only sometimes, electrical? | blown
        fuse for the cigarette lighter | my turn signals and horn quit, some electrical fault |
        rodents chewed the wires | something is draining power, parasitic draw test needed |
        problème d'électricité dans l'auto | les fusibles brûlent sans arrêt | un faux contact
        électrique | le tableau de bord s'éteint tout seul, problème électrique | Electrical
        gremlins in my Jeep | dashboard goes dark and comes back | the fuse for the radio keeps
        popping | My power window is stuck | short in the wiring of the trailer plug | interior
        lights flicker | My horn doesn't work | some kind of electrical short | mes vitres
        électriques sont bloquées | j'ai un problème électrique sur mon char | le fusible brûle dès
        que je le change | panne électrique totale | mes clignotants ne fonctionnent plus | wiring
        fault | blown fuses | fusibles qui sautent | electrical fault | defective wiring | court
        circuit | problèmes électriques intermittents | diagnostic électrique | power door locks
        dead | the car has electrical issues | electrical drain somewhere | car has random
        electrical glitches | brake lights fuse blows | problème électrique intermittent | les
        fusibles sautent sans raison |
        brake lights don't work | turn signal blinks fast | the window is stuck down | power window
        won't go up | driver window won't roll up | can't roll down my back window | my tail lights
        and brake lights stopped working | left blinker is blinking really fast | dash lights
        flicker and radio cuts out | les lumières de brake marchent pas | mon flasher flashe trop
        vite | ma fenêtre remonte pus | la vitre du conducteur est coincée | third brake light
        doesn't work | my window fell into the door | passenger window won't close all the way | ma
        vitre électrique monte plus | my signal lights are blinking super fast | The brake lights
        are stuck on | no brake lights | turn signals not working on the left side | horn doesn't
        honk | back window stuck halfway | windows won't go down | mes lumières de stop marchent
        plus | mes clignotants clignotent trop vite | la fenêtre du passager descend pas
    """,
    "battery diagnostic": """
        My battery keeps dying overnight | need a jump start every morning | battery won't hold a
        charge | the battery light is on | can you test my battery, it is six years old | batterie à
        plat ce matin | ma batterie se décharge pendant la nuit | j'ai besoin d'un survoltage à
        chaque matin, la batterie est faible | dead battery this morning | Had to jump start my car
        twice this week | battery drains when parked | is my battery bad or what? | car battery
        replacement | The battery warning lamp is red | how long does a car battery last? Mine is 7
        years old | batterie morte après une nuit froide | il faut booster mon auto tous les matins
        | changer la batterie de ma Golf | batterie déchargée | tester ma batterie avant l'hiver |
        The battery is flat again | battery terminals are corroded | weak battery in cold weather |
        Left the lights on and now the battery is dead | new battery but it's drained every morning
        | Should I change my car battery before winter? | it needs a boost every time it's below -20
        | no crank, battery reads 11 volts | ma batterie ne tient plus la charge | la batterie est
        finie je pense | ma voiture ne démarre plus, batterie à plat | voyant de batterie allumé |
        vérifier l'état de la batterie | flat battery | la batterie se vide | battery test |
        batterie qui se décharge | low battery voltage | car battery died | my battery won't charge
        | remplacement de batterie | battery light came on | jump-start needed | batterie déchargée
        ce matin | car dead this morning, battery? | my battery needs charging every few days | is a
        5 year old battery due for replacement | pile du char morte, batterie à changer | batterie
        de voiture à tester |
        besoin d'un boost | boost nécessaire, plus de jus | I left my headlights on and now it's
        dead | ça prendrait un boost à mon char | mon auto n'a plus de jus | no juice this morning |
        left the interior light on all night, won't start | forgot to turn off my headlights last
        night | j'ai laissé mes phares allumés toute la nuit | j'ai oublié d'éteindre mes lumières |
        Battery's dead as a doornail, it's -35 in Winnipeg | batery keeps dieing | needed a boost
        three times this week | Mon char veut pas partir à matin | mon char part pas quand y fait
        frette | la batterie est à terre | j'ai besoin de me faire booster | my key fob battery died
        and now the car won't start | car battery is dead and phone is dead too | my battery died,
        key won't turn | batterie morte, clé bloquée | besoin d'un jump | Car's dead in the parking
        lot at Costco, need a jump | Left my dome light on overnight and she's dead | Ma batterie
        est à plat à cause du froid | mon char est mort, ça prend un boost
    """,
    "alternator diagnostic": """
        I think my alternator is going bad | alternator not charging at idle | the mechanic said the
        alternator is shot | charging system warning on the dash while driving | bad alternator on a
        2012 Civic | mon alternateur est fini | L'alternateur fait un sifflement | changer
        l'alternateur sur une Mazda 3 | alternator isn't charging the battery | Whining alternator |
        The alternator light is on | need a new alternator for my Jeep | voltage drops, alternator
        maybe | alternateur défectueux | mon alternateur ne recharge pas la batterie | remplacement
        de l'alternateur | alternator went out on my way to work | My alternator squeals |
        Alternator replaced last year and it is dead again | test the alternator | is the alternator
        dying? | alternateur brûlé | l'alternateur est-il fini? | bruit d'alternateur | alternator
        failure | alternateur qui siffle | alternator belt squeal | weak alternator | l'alternateur
        est mort | système de charge défaillant |
        dim headlights at idle, battery light on dash | alternater isn't putting out | Battery
        light's on and the headlights are getting dim | my lights dim at idle and the battery
        warning came on | l'alternateur charge pus |
        phares faibles au ralenti, voyant de batterie allumé | mes lumières baissent pis la lumière
        de batterie est allumée
    """,
    "HVAC diagnostic": """
        AC not cold anymore | the air conditioning smells musty | no heat in my car, only cold air
        from the vents | heater blower only works on high | My A.C. compressor makes noise | L'air
        climatisé ne marche plus | la clim souffle de l'air chaud | mon chauffage ne fonctionne plus
        | la chaufferette de mon auto reste froide | My air con stopped blowing cold | a/c recharge
        needed | car heater blows cold air | the defroster doesn't work and the windshield fogs up |
        blower fan makes a rattling noise | The AC compressor clutch is not engaging | heat only
        works when driving | air climatisé pas froid | le chauffage de la voiture souffle froid |
        plus de chaufferette | la ventilation fonctionne juste à 4 | recharger la clim | AC blows
        hot on one side | The air conditioning doesn't work at idle | my heater is not heating | my
        A/C smells like mold | no heat, freezing in here | climate control stuck on max | fan speed
        on the heater is stuck on 4 | Can you recharge my AC? | the vents blow only on my feet | la
        climatisation sent mauvais | l'air climatisé souffle chaud | pas de chauffage dans l'auto |
        ma clim fait du bruit | le dégivreur arrière ne marche pas | heater blows cold | no A/C | AC
        not cooling | climatiseur en panne | chauffage en panne | HVAC fan noise | air conditioning
        leak | heating does not work | the cabin heater smells | clim qui fuit | A/C stopped working
        | défrost ne marche pas | aircon gives warm air | the car's heat is out | ac only cold on
        the passenger side | climatisation en panne depuis hier | windows fog and the defrost is
        weak |
        heat doesn't work | heat won't come on | my heat isn't working anymore | the heat quit
        yesterday |
        blower motor only works on high | My heater blows cold air in -30 | The defroster's not
        clearing the windshield | blower motor squeals | ça chauffe pas dans mon auto, y vente juste
        frette | la chaufferette marche pus | la fan de chaufferette fait du bruit | l'air
        climatisée marche pus | my heater's fan only blows on high | fan de la chaufferette marche
        juste à la vitesse 4 | blower only works on setting 4 | chauffage marche juste d'un bord |
        the AC blew a hose | The AC just blows hot air out the vents | Air conditionner not working
        | Can't get any heat out of the vents | la chaufferette souffle frette | mon air climatisé
        souffle pas froid
    """,
    "hybrid battery diagnostic": """
        Check hybrid system message on my Camry Hybrid | my Prius says the hybrid battery is weak |
        hybrid battery failing after 250,000 km | the battery pack of my hybrid loses charge | high
        voltage battery fault on a RAV4 hybrid | la batterie de mon hybride perd sa charge | message
        vérifier le système hybride | batterie haute tension défectueuse sur ma Prius | Red triangle
        and 'check hybrid system' on my 2011 Prius | how healthy is the hybrid battery of my Lexus
        CT200h | hybrid battery replacement cost | Prius battery pack is dying | Insight hybrid
        battery test | batterie hybride à remplacer sur ma Camry | diagnostic de batterie hybride |
        ma Prius affiche un problème de batterie hybride | hybrid battery light | the hybrid battery
        in my Ford Escape Hybrid won't hold charge | my Prius hybrid battery died | hybrid system
        malfunction warning on the Highlander | Do I need a new hybrid battery? | la batterie
        hybride est morte | batterie de ma Prius à vérifier, elle est hybride | panne du système
        hybride | Prius battery failing | hybrid battery degraded | batterie de traction | hybrid
        pack battery check | la batterie de mon Prius | hybrid battery cooling fan | batterie
        hybride à tester |
        Prius threw a hybrid battery code
    """,
    "EV charging diagnostic": """
        My Nissan Leaf won't charge at home | the charge port door of my EV is stuck | electric car
        does not charge past 80 percent | Level 2 charger stops after ten minutes on my Bolt |
        charging error at the supercharger | mon véhicule électrique refuse de se recharger |
        problème avec la borne de recharge à la maison | la recharge de mon auto électrique s'arrête
        | My Tesla won't charge overnight | Chevy Bolt stops charging after 5 minutes | EV charger
        keeps tripping the breaker | Charging port is jammed on my Ioniq 5 | my electric vehicle
        won't fast charge | Kona electric charging slowly | charging cable stuck in my EV | ma Leaf
        ne se recharge plus | la borne ne reconnaît pas mon auto électrique | la recharge rapide ne
        marche pas sur mon VÉ | prise de recharge bloquée | EV won't charge at public stations | my
        Model 3 doesn't charge at home anymore | slow charging on my electric car | Charge port
        light is red on my EV | my Mach-E EV stopped charging at 20% | charger not recognized by my
        Bolt EV | l'auto électrique ne prend plus la charge | ma Tesla ne charge plus | la borne de
        recharge coupe après 10 minutes | charge lente sur mon véhicule électrique | EV charging
        fault | charging port broken | my EV will not charge | le chargeur de ma voiture électrique
        | won't fast charge my Ioniq | EV not charging | câble de recharge défectueux | Tesla
        charging slowly | électrique: ne charge plus la nuit, ma voiture électrique | charge port
        fault | EV stuck at 50% charge | Leaf charging stops by itself | electric vehicle charger
        error | ma voiture électrique charge lentement | problème de recharge de mon auto électrique
        |
        My Bolt won't take a charge | Ioniq 5 won't charge on level 2 | la borne à la maison charge
        pas mon auto | the charging station won't start charging my car | ma Leaf charge pas à la
        borne
    """,
    "backup camera installation": """
        can you install a backup camera on my 2010 Corolla | back-up cam wanted | I want a reversing
        camera fitted | reverse camera shows a black screen | looking to add a rearview camera to my
        van | pose d'une caméra de recul | je veux une caméra arrière sur mon camion | ma caméra de
        marche arrière ne marche plus | I'd like a back up camera put in my truck | rear view camera
        is blurry | wireless backup camera install | my reversing camera quit working | add a rear
        camera to my motorhome | caméra de recul à installer sur un Ram 1500 | installer camera
        recul | la caméra arrière est noire | need backup camera installed | backup camera screen is
        blank | Can you add a reverse camera to a 2012 Sienna? | rear-view camera wiring | back up
        camera for RV | caméra de recul sans fil | ajouter une caméra de recul | ma caméra de recul
        est embrouillée | backup cam | rear camera install | reverse camera not displaying | caméra
        de recul défectueuse | rearview camera retrofit | caméra de stationnement |
        backup camera went black
    """,
    "dashcam installation": """
        install a dashcam front and rear | need my dash cam wired to the fuse box | dash-cam install
        for my Uber car | dashboard camera mounting | Where can I get a dash camera put in | poser
        une dashcam dans mon auto | installation d'une caméra embarquée | je voudrais une caméra de
        tableau de bord | Dashcam install in a Tesla | can someone hardwire my dash cam with parking
        mode | front and rear dash cams | mount a dashcam without visible wires | new dash camera
        for my truck | installation de dashcam avant et arrière | brancher ma dash cam | caméra de
        tableau de bord à poser | want dashcam installed professionally | dash cam front/rear
        install | where to mount my dashcam | hard wire dashcam to fuse | Dashcam | faire installer
        une dashcam | une caméra de bord pour mon taxi | dash cam à brancher | dash cam | dashcam
        hardwire kit | fit a dashcam | caméra de tableau de bord | installer une dash cam | pose
        d'une caméra de bord |
        installer une dashcam dans mon taxi
    """,
    "remote starter installation": """
        remote starter install before winter | remote car starter stopped working | I'd like to
        start my car remotely when it is cold | autostart for a 2018 F-150 | how much for a command
        start | installer un démarreur à distance | démarrage à distance pour ma Mazda | mon
        démarreur télécommandé ne répond plus | Remote start install for a manual transmission | my
        remote starter doesn't respond | Add remote start to a 2020 CR-V | Remote starters, how
        much? | auto-start for my wife's Rogue | poser un démarreur à distance | le démarreur à
        distance ne marche plus | démarreur à distance Compustar | Remote starter for my Kia Forte |
        have a remote start installed before the cold comes | my remote start quit working | Viper
        remote starter | remote engine start | démarreur à distance pour Honda Civic 2019 | je veux
        un démarreur à distance | pose de démarreur à distance | remote start | remote starter fob
        lost range | remote start system | démarreurs à distance | démarrage à distance | install
        auto starter |
        command start quit on me | poser un starter à distance | installer un démarreur à distance
        dans mon F-150 | remote starter's not working anymore
    """,
    "audio system installation": """
        install a subwoofer and amp | new head unit with CarPlay | want better speakers in my car
        doors | car stereo has no sound | replace my factory radio | installer des haut-parleurs |
        système de son neuf dans mon char | changer l'autoradio | Install a new car stereo | door
        speakers crackle | subwoofer and amplifier install | head unit swap with backup | want a
        touchscreen radio with Apple CarPlay | aftermarket sound system | my speakers are blown |
        installer un système de son | changer les haut-parleurs avant | poser un ampli et un
        subwoofer | remplacer la radio d'origine | subwoofer install in a Mustang | Upgrade my car
        speakers | install aftermarket stereo | no sound from my car audio | put in a new head unit
        | install amp | car radio replacement | installer un caisson de basses | poser des
        haut-parleurs dans les portes | installer une nouvelle radio avec CarPlay | système de son à
        installer | car audio upgrade | speaker installation | stereo installation | install car
        radio | new sound system | haut-parleurs à installer | système audio | radio à installer |
        install an amplifier |
        les haut-parleurs grichent
    """,
    "GPS tracker installation": """
        install a gps tracker in my work vans | I need GPS tracking on my truck | hidden vehicle
        tracker against theft | wire in a tracking device | GPS trackers for our fleet | poser une
        balise GPS | dispositif de repérage pour mon véhicule | un traceur pour mon camion | GPS
        tracker for my teenager's car | want a hidden tracker in my F-150 in case of theft | install
        GPS tracking | vehicle tracking device | GPS tracker keeps losing signal | installer un GPS
        traceur | traceur GPS caché contre le vol | système de repérage pour mon camion | want gps
        tracking put in my company vans | GPS tracker installation | install a tracker on my
        motorcycle trailer | need a tracking device hidden in my truck | my gps-tracker stopped
        reporting | installation d'un traceur GPS | traceur GPS pour auto | faire poser un système
        de repérage | GPS tracker | vehicle GPS tracking | traceur GPS | GPS tracking device | poser
        un traceur | balise GPS antivol | hide a tracker in my car |
        poser un traceur GPS sur mon quad
    """,
    "alarm system installation": """
        install a car alarm | alarm installation for my Highlander, lots of thefts | I want an
        anti-theft system | need an immobilizer put in | installer une alarme dans mon auto | faire
        poser un système antivol | car alarm install | Security system for my car | aftermarket
        alarm with shock sensor | anti-theft alarm
        please | système d'alarme pour mon auto | poser une alarme | alarme antivol sur mon VUS |
        car alarm for a Lexus RX | add an alarm to my van | Alarm system
        installation on a 2021 RAV4 | theft alarm for my pickup | installation d'alarme | alarme
        pour mon camion | système d'alarme automobile | car alarm | security alarm for my truck |
        installation d'un système d'alarme | alarme d'auto | vehicle alarm system | antivol à
        installer |
        install an alarm, my last car was stolen | faire poser une alarme
    """,
    "brake repair": """
        my brakes are making a grinding noise | brake pedal goes to the floor | squealing brakes
        when I stop | The brake rotors are warped | breaks are squeaking really loud | steering is
        fine but the brake caliper is seized | mes freins font du bruit | la pédale de frein est
        molle | disques de frein rouillés | le frein à main ne tient plus | Brakes are squeaking |
        my brake pedal feels spongy | grinding sound when braking | the car shakes when I brake |
        brake fluid leak | Parking brake won't release | brakes are soft | brake line rusted through
        | mes freins crissent | ça vibre quand je freine | le frein à main est coincé | étrier de
        frein gelé | bruit de frottement en freinant | plus de freins | my brakes feel mushy |
        brakes make a metal on metal sound | brake pedal pulses | the pedal sinks when I brake | car
        pulls right when braking | brakes failed this morning | rotors need resurfacing | My breaks
        are grinding | e-brake cable snapped | brakes | les freins font un bruit de métal | mes
        freins sont mous | je n'ai plus de freins | frein d'urgence à ajuster, il bloque | le
        freinage est mauvais | liquide de frein qui fuit | ça grince quand je freine | brake noise |
        squeaky brakes | brake rotors | brake fluid low | freins qui grincent | frein arrière bloqué
        | brakes locked up | bruit de freins | brake caliper sticking | pédale de frein spongieuse |
        disques de frein | brake inspection | soft brake pedal | la voiture freine mal | brakes
        grinding | my car takes too long to stop, brakes feel weak | the handbrake doesn't hold on a
        hill | freins spongieux | brakes are making a terrible racket | bruit strident au freinage |
        brakes are fine but they squeal | brakes work fine when cold but grind when hot | can you
        check if my brakes are ok | mes freins sont bons mais grincent | les freins ne fonctionnent
        pas bien |
        I changed the oil last month. Now brakes squeal. | Do you do brake jobs on weekends? | My
        truck's got a nasty grinding sound whenever I hit the brakes | brakes are making a squeeling
        noise | seized caliper on the rear | e-brake won't release | I have to pump the brakes to
        stop | car vibrates when braking at highway speed | Y'a un bruit de ferraille quand je brake
        | mes brakes grincent sans bon sens | les brakes sont finies | la pédale de brake descend au
        plancher | j'ai changé l'huile le mois passé, maintenant les freins grincent | The brake
        light on my dash came on | parking brake light stays on | brakes feel spongy and the brake
        warning light is on | have to brake hard, pedal feels soft | brake pedal is hard | les
        brakes crient | ça crie quand je freine | My front brakes are metal on metal | mes freins
        vibrent pis sont mous
    """,
    "suspension repair": """
        clunking over speed bumps | front struts are leaking | the shocks are worn out | ball joint
        is loose on the left side | broken coil spring | mes amortisseurs sont finis | ça cogne dans
        les nids-de-poule | bras de suspension à changer | The suspension creaks | front end clunks
        over potholes | struts need replacing | worn shock absorbers | control arm bushing torn |
        car bounces too much over bumps | sway bar links rattling | air suspension sagging on my
        Range Rover | la suspension cogne | amortisseurs arrière à changer | bruit dans la
        suspension avant quand je passe sur des bosses | ressort brisé à l'avant | rotule usée |
        suspension is too soft | Clunk when I go over speed bumps | leaking strut | my shocks are
        blown | ball joints need replacing | Broken sway bar link | rear shocks leaking | it bounces
        like a boat over bumps | suspension avant bruyante | amortisseur qui coule | bruit quand je
        passe dans les trous | bras de contrôle brisé | ressort de suspension cassé | worn struts |
        bouncy suspension | shock absorbers | amortisseurs | suspension arrière affaissée | clunking
        suspension | bad ball joint | control arm | noise over bumps | bruit sur les bosses | broken
        spring front left | suspension qui grince | front shocks knocking | car bottoms out on
        bumps, shocks? | strut mount noise | amortisseurs fatigués | suspension cassée à l'avant |
        rear struts are leaking | Front end clunks over potholes | les ball joints sont finis | mes
        shocks sont finis | Shocks are done, bounces like a boat | creaking from front suspension
        when turning
    """,
    "engine repair": """
        blown head gasket | my engine seized on the highway | need the engine rebuilt | how much to
        replace the motor in a 2009 Jetta | piston rings are shot | le moteur est à refaire | joint
        de culasse brûlé | faire réparer mon moteur | Engine needs a rebuild | threw a rod in my
        Subaru | engine replacement cost for a Kia Soul | head gasket leaking | cracked engine block
        | my engine blew up | repair my engine | moteur à changer | le moteur a sauté | réparer le
        moteur de mon camion | culasse fendue | moteur grippé | Engine repair estimate please | need
        to rebuild the engine on my Civic | engine seized | Head gasket replacement | my motor is
        blown | fix my engine | swap the engine in my WRX | moteur fini | moteur à rebâtir | coût
        pour remplacer un moteur | le joint de culasse est à changer | réparation de moteur diesel |
        engine rebuild | blown engine | engine swap | réparer un moteur | moteur cassé | head gasket
        | joint de culasse | cylinder head cracked | repair the engine | reconditionnement du moteur
    """,
    "transmission repair": """
        rebuild my transmission | how much to fix a tranny on a Dodge Caravan | transmission needs
        to be replaced | torque converter replacement | gearbox repair for a manual Golf | réparer
        la boîte de vitesses | ma transmission est à remplacer | reconstruction de transmission
        automatique | My transmission needs a rebuild | looking for a transmission shop to repair
        mine | replace the transmission in my Odyssey | Used transmission install | torque converter
        is bad | transmission à refaire | faire réparer ma transmission | remplacement de la boîte
        de vitesses | transmission rebuild quote | I need my transmission fixed | transmission
        replacement for Ford Focus | repair the gearbox | new transmission cost | réparation de
        transmission | transmission à changer | remplacer la transmission de mon Dodge | boîte
        automatique à réparer | transmission rebuild | fix the transmission | transmission
        replacement | réparation de boîte de vitesses | transmission à réparer | gearbox rebuild |
        remplacer la transmission | torque converter
    """,
    "clutch repair": """
        my clutch won't disengage | clutch pedal stuck to the floor | replace the clutch on a manual
        Civic | burning smell from the clutch | throwout bearing is noisy | ma clutch glisse |
        changer l'embrayage | la pédale d'embrayage reste au fond | Clutch slips in fifth | My
        clutch is burnt | clutch pedal is soft | need a new clutch kit | slave cylinder leaking |
        embrayage fini | ma clutch est finie | l'embrayage broute | kit d'embrayage pour une Mazda 3
        | clutch gone on my VW Golf | my clutch is making noise | the clutch sticks | clutch
        replacement price | no pressure in the clutch pedal | embrayage à changer | mon embrayage
        fait du bruit | la clutch est molle | problème d'embrayage | clutch pedal | worn clutch |
        embrayage usé | clutch cable broken | l'embrayage glisse | new clutch | burnt clutch |
        embrayage bruyant |
        clutch is going, it slips in 4th | la clutch est brûlée | l'embrayage broute en première |
        l'embreyage glisse
    """,
    "steering repair": """
        the steering wheel shakes at 100 km/h | steering feels loose | hard to steer at low speed |
        power steering pump whines | rack and pinion is leaking | le volant vibre sur l'autoroute |
        la direction est dure à tourner | la crémaillère a du jeu | Steering is stiff | steering
        wheel vibrates at highway speed | play in the steering | tie rod ends worn | power steering
        fluid is leaking | Steering wheel hard to turn when cold | steering rack leak | la direction
        est lourde | jeu dans le volant | fuite de direction assistée | embout de direction à
        changer | le power steering est dur | my steering wheel is shaking | Steering makes a
        groaning noise when turning | no power steering | steering wheel is off center | loose
        steering | outer tie rod replacement | steering column noise | le volant est dur | le volant
        tremble à 110 | ma direction assistée ne marche plus | la direction fait du bruit en
        tournant | pompe de direction assistée | power steering pump | stiff steering | steering
        wheel shake | direction dure | le volant tire à droite | tie rods | fuite de liquide de
        servodirection | direction qui grince | volant lourd | steering makes noise | hard to steer,
        power steering fluid empty | steering wheel clicks when turning | steering pulls right |
        direction trop lâche, du jeu dans le volant | le volant croche |
        Tie rods are shot | steering's really stiff in the morning | power steering whines when I
        crank the wheel | mon steering est dur | y'a du lousse dans le steering | Volant qui vibre
        sur l'autoroute | mes freins sont corrects mais la direction est dure | power steering pump
        groans when it's cold | le volant tire d'un bord
    """,
    "wheel bearing repair": """
        wheel bearings are gone | front left hub bearing is growling | I hear a humming noise from
        the wheel that gets louder with speed | bad bearing on the rear right wheel | replace both
        front wheel bearings | roulement de roue à changer | un roulement qui gronde à l'arrière |
        bearing de roue fini | Wheel bearing noise | rear wheel bearing replacement | roaring sound
        from the front wheel at speed | Hub bearing shot | my mechanic says the bearings in the left
        wheel are bad | roulement de roue avant droit fini | roulements à remplacer | bruit de
        roulement à 80 km/h | moyeu de roue à changer | bad wheel bearing | my wheel bearing is
        humming | front bearing is shot | Wheel-bearing play on the left | replace hub assembly |
        roulement de roue usé | changer un roulement de roue | ça gronde à la roue avant, plus fort
        avec la vitesse | wheel bearings | hub bearing noise | roulement usé | roulements de roue |
        growling wheel bearing | bruit de roulement | worn wheel bearing |
        Hub bearing howling on the passenger side | le bearing en avant est fini | roaring noise
        from back wheels at 80 km/h | ma roue fait un grondement
    """,
    "exhaust repair": """
        exhaust leak near the manifold | my exhaust is really loud | catalytic converter was stolen
        | tailpipe is dragging on the ground | there is a hole in the muffler | mon pot
        d'échappement est percé | le catalyseur est bouché | muffler percé, ça fait un vacarme |
        Exhaust is hanging | muffler has a hole | my car sounds like a race car, exhaust leak I
        think | smell of exhaust fumes in the cabin | cat converter stolen last night | rusted
        exhaust pipe | loud muffler | échappement percé | silencieux à remplacer | le pot
        d'échappement traîne par terre | fuite d'échappement | catalyseur volé | Exhaust pipe broke
        off | hole in exhaust | exhaust noise when accelerating | my muffler is rusted through | cat
        stolen, need a new catalytic converter | exhaust rattles at idle | exhaust smell inside |
        muffler à changer | silencieux rouillé | l'échappement fait du bruit | système d'échappement
        à souder | pot catalytique bouché | exhaust leak | loud exhaust | rusty muffler |
        échappement bruyant | catalytic converter | tuyau d'échappement cassé | silencieux bruyant |
        pot d'échappement | exhaust pipe hanging | le silencieux est rouillé | exhaust fell off | my
        car is super loud, muffler probably | converter rattles, catalytic maybe | le muffler est
        percé | bruit d'échappement |
        mon silencieux est troué | My muffler's rusted right out | exaust leak, super loud on start
        up | smells like rotten eggs from the exhaust | someone stole my cat converter | le muffler
        est percé, ça fait un méchant vacarme | mon muffleur est fini | the muffler fell off on the
        401 | trou dans le silencieux | mon exhaust est percé | smoke coming out the tail pipe |
        exhaust is hanging by a thread | hole in my exhaust pipe | there's a hole in the muffler |
        le silencieux est arraché | trou dans mon exhaust | mon système d'échappement fait un
        vacarme d'enfer
    """,
    "cooling system repair": """
        car overheats in traffic | the water pump is leaking | losing coolant but no puddle |
        thermostat stuck closed | temperature gauge goes into the red | mon auto surchauffe | pompe
        à eau à remplacer | fuite d'antigel | le moteur chauffe dans le trafic | Engine is
        overheating | coolant leaking from the water pump | temp gauge climbs in traffic | radiator
        has a crack | Steam coming out from under the hood | need a new thermostat | coolant keeps
        disappearing | Car running hot | mon moteur surchauffe | fuite de liquide de refroidissement
        | radiateur percé | thermostat bloqué | perte de coolant | ma voiture chauffe dans le trafic
        | Overheating | my radiator is leaking green fluid | coolant leak | water pump gone |
        radiator fan doesn't turn on | engine temp goes to red on hills | low coolant light keeps
        coming on | antifreeze leak under the car | engine overheated on the 401 | thermostat needs
        changing | fuite de coolant | mon radiateur coule | la température monte trop | pompe à eau
        qui fuit | le moteur surchauffe en montant | leaking radiator | engine overheats |
        surchauffe du moteur | water pump | thermostat stuck | pompe à eau | liquide de
        refroidissement qui fuit | car is overheating | radiator hose burst | moteur qui chauffe |
        ventilateur de radiateur | car boils over in summer | temperature light came on | I keep
        adding coolant every week | fuite au radiateur | le ventilateur du radiateur ne part plus |
        Rad is leaking | rad's leaking antifreeze all over the driveway | She's running hot on the
        highway | mon moteur chauffe | mon prestone baisse tout le temps | le prestone coule | temp
        gauge goes to H | radiator's leaking green stuff | losing coolant but no visible leak |
        engine temp goes way up in traffic | le liquide de refroidissement coule
    """,
    "fuel system repair": """
        fuel injectors are clogged | smell of gas inside the car | fuel pump replacement | fuel leak
        under the tank | replace the fuel filter on my diesel | injecteurs encrassés | odeur
        d'essence dans l'habitacle | ma pompe à gaz est morte | Strong gas smell in my car | fuel
        pump whining | Fuel injector leaking | clogged fuel filter | Gas tank leaks when full | fuel
        line rusted | pompe à essence qui lâche | ça sent le gaz dans l'auto | fuite d'essence sous
        la voiture | injecteur bouché | filtre à carburant à changer | I smell gas when I start the
        car | fuel pump failure | fuel leak | Injectors need cleaning | the gas tank is leaking |
        fuel pressure too low | replace fuel filter | pompe à essence brûlée | odeur de gaz dans le
        char | fuite de carburant | nettoyage d'injecteurs | réservoir d'essence percé | bad fuel
        pump | fuel injector | gas leak from the tank | injecteurs | pompe à carburant | clogged
        injector | fuel line leak | gas smell | odeur d'essence | fuel injector cleaning | the car
        smells of gasoline | pompe à essence défectueuse | petrol leak near the tank | my fuel
        filter is dirty |
        gas smell after filling up | fuel pump's whining | mon tank à gaz coule | ça sent le gaz
        dans mon char | ça pue le gaz | la pompe à essence fait du bruit
    """,
    "oil leak repair": """
        my car is leaking oil on the driveway | oil drips under the engine | valve cover gasket
        leaks | puddle of oil in my garage | rear main seal is leaking | mon moteur perd de l'huile
        | ça coule de l'huile en dessous | taches d'huile dans l'entrée | Leaking oil | I find oil
        spots where I park | oil is dripping from the engine | losing oil between changes | oil pan
        gasket leaking | my car leaks oil badly | Fuite d'huile au moteur | mon auto coule de
        l'huile | perte d'huile importante | flaque d'huile sous la voiture | l'huile fuit par le
        joint du couvercle de soupapes | Oil leaking from somewhere | my truck leaks oil | oil drips
        on the driveway | oil leak, burning smell | leaking valve cover gasket | there's oil under
        my car, a big puddle | il y a une fuite d'huile | mon char perd de l'huile | huile qui coule
        sous le moteur | gouttes d'huile dans le garage | j'ai une grosse fuite d'huile moteur |
        leaking oil | oil drip | oil puddle | le moteur fuit de l'huile | perd de l'huile | oil pan
        leak | fuites d'huile | oil seeping from the valve cover | l'huile coule | engine is leaking
        oil | oil spots under my car | mon moteur coule l'huile | fuite d'huile importante | oil
        dripping from the bottom of the motor |
        car's leaking oil like crazy | Oil changed last week, now there's a leak of oil under the
        engine | y'a une tache d'huile en dessous de mon char
    """,
    "starter motor repair": """
        starter is grinding | I turn the key and hear only a click | bad starter on my Ranger | the
        starter solenoid is stuck | replace starter | le démarreur est mort | démarreur à changer
        sur ma Yaris | ça clique quand je tourne la clé | Starter is dead | clicking noise when I
        turn the key | The starter spins but doesn't engage | my starter motor needs replacing |
        starter going bad | just clicks when I try to start it | démarreur défectueux | mon
        démarreur tourne dans le vide | remplacer le démarreur | starter won't engage | it just
        clicks when I turn the key | starter grinding noise | Need a starter replaced | starter
        failing | mon démarreur fait du bruit | problème de démarreur | démarreur brûlé | le
        démarreur ne veut plus tourner | starter clicks | bad starter | starter motor | démarreur
        brisé | starter won't turn | starter replacement | remplacement du démarreur | le démarreur
        ne fonctionne plus |
        car clicks but won't start | ça clique mais ça démarre pas | Won't start, just clicks | I
        turn the key and nothing, just one loud click | It just clicks when I try and start her up |
        Mon char part pus à matin, y fait juste clic clic | le starter est mort | Car won't turn
        over, just a clicking noise | won't crank, hear one click | clicks but doesn't turn over |
        mon démarreur clique mais ça part pas | need a new starter for my Ram | L'auto démarre pas,
        j'entends juste clic-clic-clic | Quand je tourne la clé ça fait clic pis rien
    """,
    "headlight replacement": """
        my left headlight burned out | low beam bulb is out | foggy headlights need restoring |
        replace both headlamps | cracked head light assembly | changer une ampoule de phare | mon
        phare gauche ne s'allume plus | lumière d'en avant brûlée | Headlight bulb burned out | both
        headlights are dim | one headlight flickers | Replace headlight assembly after a small crash
        | high beams don't work | yellowed headlights | ampoule de phare grillée | mes phares
        éclairent mal | phare avant cassé | changer le phare gauche | lumière avant brûlée |
        passenger side headlight is out | Headlights are very dim at night | my low beams stopped
        working | headlight full of water | broken headlight after hitting a deer | change headlight
        bulbs | phare cassé | mes phares sont jaunis | phare du côté conducteur brûlé | remplacer
        les ampoules des phares | un phare n'éclaire plus | headlight out | burnt headlight | dim
        headlights | phare avant brûlé | headlight bulb | ampoule de phare | cloudy headlights |
        phares ternes | headlamp replacement |
        one headlight burnt out | headlights are foggy and yellow | ma lumière d'en avant est brûlée
        | une headlight brûlée | left low beam out | my headlights are so dim I can't see at night
    """,
    "oil change": """
        Time to change my oil | oil and filter change please | synthetic oil change for a Rav4 |
        overdue on oil changes | when should I get the oil changed | faire une vidange d'huile | je
        dois changer mon huile | c'est le temps de la vidange de mon auto | Need an oil change |
        change the oil and filter | my car needs an oil change soon, 8000 km since the last | Oil
        changed every six months? | how much for synthetic oil change | Engine oil change | vidange
        et filtre à huile | changement d'huile synthétique | faire changer l'huile de mon auto |
        vidange moteur | Bonjour, je voudrais une vidange | I need my oil changed asap | Overdue for
        an oil change | oil change and filter for F150 | what oil should I use for my next oil
        change | Can I get an oil change this week? | when was the last oil change due | changement
        d'huile et filtre | j'ai besoin d'un changement d'huile | changer l'huile du moteur |
        vidange complète | faire la vidange de ma voiture | oil change | change oil | vidange |
        vidange d'huile | changer l'huile | synthetic oil change | engine oil change due | oil needs
        changing | huile à changer |
        Looking to get my oil changed before a road trip | I'd like a lube, oil and filter | faut
        changer l'huile pis le filtre | I haven't changed the oil in two years | My last oil change
        was a year ago, I need one | je viens pour un changement d'huile | can I just get an oil
        change tomorrow? | just need an oil change | do you do oil changes? | Synthetic oil change
        for a Mazda 3 | changement d'huile sur mon RAV4
    """,
    "tire rotation": """
        tire rotation and balance | I need my tires rotated | rotating the tyres every 10,000 km |
        rotate all four wheels | it's due for a tire-rotation | faire la rotation de mes pneus |
        permutation des pneus | permuter les roues avant et arrière | Tire rotation | please rotate
        my tires | when do I need to rotate tires? | tires need rotating | rotation and balance of
        four tires | rotation de pneus | permuter mes pneus | rotation des roues | Rotate tires |
        tire rotation every 8000 km | have my tires rotated and balanced | rotating my tires | need
        wheel rotation | rotation de mes quatre pneus | faire permuter les pneus | permutation de
        pneus avant l'hiver | rotate tires | tires rotated | permuter les pneus | tire rotations |
        rotate my four tires | tyre rotation |
        pneus à faire tourner | faire tourner les quatre roues | il est temps de faire tourner mes
        pneus | inverser les pneus avant et arrière |
        Need my tires rotated | faire une rotation des pneus
    """,
    "brake pad replacement": """
        my brake pads are down to 2 mm | replace front pads and rotors | new break pads | brakes
        pads need changing | brake shoes on the rear drums are worn | changer les plaquettes avant |
        plaquettes de freins arrière finies | mes pads de freins sont usés | New brake pads front
        and rear | squealing, I think the brake pads are gone | Change my brake pads | pads are down
        to the metal | brake pad wear sensor | rear pads worn out | changer les plaquettes de frein
        | mes plaquettes sont finies | plaquettes et disques à remplacer | remplacement des
        plaquettes de freins avant | brake pads | Rear brake pads need replacement | the brake pad
        is down to nothing | replace pads and rotors all around | ceramic brake pads install |
        changer mes plaquettes de freins | plaquettes de frein à remplacer | mes plaquettes couinent
        | plaquettes avant usées à 90 % | worn brake pads | brake pad change | plaquettes |
        plaquettes usées | new pads | front brake pads | changement de plaquettes | pads and rotors
        | plaquettes de frein arrière |
        brake pads are down to 2 mm | need front brake pads and rotors changed, how much? | changer
        mes plaquettes pis mes disques
    """,
    "timing belt replacement": """
        When should my timing belt be replaced | cam belt due on my VW | timing chain rattles on
        startup | snapped timing belts | timing belt and water tensioner kit | changer la courroie
        de distribution | ma strap de timing est due | kit de distribution à 120 000 km | Timing
        belt replacement | my timing belt snapped | Is it time to change the timing belt on my
        Subaru? | timing chain is stretched | courroie de distribution à changer à 150 000 km |
        remplacer ma courroie de distribution | la courroie de distribution a cassé | Change timing
        belt | timing belt due at 100k miles | timing belt broke | cambelt replacement | timing-belt
        noise | la courroie de distribution est due | courroie de distribution usée | changement de
        courroie de distribution | timing belt | belt timing service | timing belt change | courroie
        de distribution | cam belt | changer courroie distribution | old timing belt |
        timing belt's due at 160k | changement de strap de timing | the dealer says my timing chain
        is stretched
    """,
    "air filter replacement": """
        dirty air filter | cabin filter smells | engine air filter change | swap out the air filters
        | my air cleaner filter is clogged | changer le filtre à air | filtre d'habitacle à
        remplacer | filtre à pollen sale | Change air filter | my engine air filter is black | Cabin
        air filter replacement | air filters for a Honda Fit | dirty cabin filter, musty | remplacer
        le filtre à air | filtre à air encrassé | changer le filtre d'habitacle | new air filter |
        clogged air filter | air filter change | cabin filter change | replace both engine and cabin
        air filters | filtre à air sale | changer mon filtre à air | filtre de cabine à changer |
        air filter | engine air filter | filtre à air | cabin air filter | filtres à air | air
        filter dirty | filtre d'habitacle |
        cabin air filter stinks
    """,
    "spark plug replacement": """
        change the spark plugs | fouled plugs in my V6 | sparkplugs due at 100k | one spark plug is
        cracked | how often to replace sparkplug | changer les bougies | bougie d'allumage encrassée
        | les bougies du moteur sont usées | Replace my spark plugs and wires | worn spark plug |
        spark plugs at 160k | new plugs and coils for my V6 | Spark-plug change on a Mini |
        remplacer les bougies d'allumage | mes bougies sont encrassées | changer les bougies de ma
        voiture | Spark plugs need replaced | bad spark plug in cylinder 3 | change plugs on my
        Corvette | iridium spark plugs | install new spark plugs | bougies à changer | bougies
        d'allumage usées | remplacement des bougies | spark plug | old spark plugs | bougies
        d'allumage | bougies usées | fouled spark plugs | remplacer les bougies |
        It's due for plugs | changer les spark plugs | want the spark plugs done on my Sienna
    """,
    "coolant flush": """
        flush the cooling system | coolant change every 5 years | radiator flush | drain and refill
        the antifreeze | I want my coolant flushed | changer le liquide de refroidissement | vidange
        de l'antigel | flush de coolant | I need a coolant flush | flush coolant | time to replace
        the coolant | antifreeze change | Flush the radiator and refill | vidange du liquide de
        refroidissement | rinçage du radiateur | changer l'antigel de mon camion | purge du circuit
        de refroidissement | Coolant needs flushing | coolant flush and fill | drain the coolant |
        change antifreeze | cooling system flush | flush de radiateur | remplacer le liquide de
        refroidissement | changement d'antigel | flush the coolant | coolant replacement |
        antifreeze flush | rinçage d'antigel | vidange du radiateur | vidange de liquide de
        refroidissement
    """,
    "transmission fluid change": """
        change the transmission fluid | ATF change | flush my transmission | gear box oil needs
        changing | CVT fluid service | changer l'huile de transmission | vidange de boîte
        automatique | liquide de transmission à changer | Transmission flush | when to change
        transmission fluid | tranny fluid is black, change it | CVT fluid change at 60k |
        transmission oil change | drain and fill transmission fluid | vidange de transmission |
        changement d'huile à transmission | changer le liquide de transmission | vidange de la boîte
        de vitesses | Transmission fluid flush | Change tranny fluid | transmission service | is it
        worth changing ATF | transmission fluid is dark | changer l'huile à transmission | vidange
        d'huile de boîte de vitesses | rinçage de transmission | liquide de transmission |
        transmission fluid | ATF flush | transmission oil | vidange de boîte | huile de boîte de
        vitesses | tranny flush | liquide à transmission | changer huile transmission
    """,
    "wiper replacement": """
        my windshield wipers are streaking | new wipers | the rear wiper doesn't move | wiper blade
        came off | replace windscreen wipers | mes essuie-glaces font des traces | changer les
        balais d'essuie-glace | l'essuie glace arrière est brisé | Wipers not working | new wiper
        blades please | windshield wiper skips | my wipers leave streaks | wiper motor burned out |
        changer mes essuie-glaces | balais d'essuie-glace usés | les essuie-glaces ne fonctionnent
        plus | wipers squeak | Wiper blades | rear wiper blade torn | windshield wipers won't turn
        off | change my wipers | essuie-glaces à changer | mon essuie-glace grince | remplacer les
        balais d'essuie-glaces | wipers | wiper blade | essuie-glace | balais d'essuie-glaces |
        windshield wiper blades | worn wipers | essuie-glaces qui grincent |
        wipers just smear the rain | wiper's streaking | mes wipers laissent des barres | changer
        mes wipers | the engine is fine, just need wipers
    """,
    "pre-purchase inspection": """
        I need a pre purchase inspection | PPI for a 2015 Outback | want a car checked before I buy
        it | used car inspection in Laval | can a mechanic look over a vehicle prior to purchase |
        inspection pré-achat d'une Civic 2016 | faire inspecter une auto usagée avant de l'acheter |
        vérifier un véhicule d'occasion avant l'achat | Pre-purchase inspection for a used Mazda
        CX-5 | I'm buying a used car, can you inspect it first? | have a mechanic check a car before
        I buy it | PPI on a Porsche Cayman | inspection before purchase of a used truck | buying a
        second hand car and want it looked at | inspection pré-achat | inspecter un véhicule usagé
        avant l'achat | faire vérifier une voiture avant de l'acheter | inspection mécanique avant
        achat d'une auto usagée | Pre purchase inspection on a Tacoma | could you inspect a car I'm
        about to buy | need someone to check a used truck before I purchase | inspection of a used
        vehicle before buying | pre-buy inspection | inspection avant l'achat d'un véhicule | je
        veux faire inspecter une auto avant de l'acheter | inspection préachat | pre-purchase check
        | inspection of a used car | inspecter une voiture d'occasion | inspection avant achat | PPI
        | used car check before buying | inspect before purchase, it's a used Civic | vérification
        avant achat d'une voiture | checking out a second-hand car before I buy it | can someone
        look at a used car with me before I buy? | PPI for a 911 in Vancouver | inspection avant
        d'acheter une Subaru usagée | I am about to purchase a used van, inspection needed |
        inspection d'un véhicule d'occasion avant achat |
        I'd like an inspection before I buy | can I get it inspected before I buy? | Before buying I
        want an inspection | looked over by a mechanic before I buy |
        Buying a used CR-V off Kijiji, can someone check it first? | je magasine un char usagé,
        j'aimerais le faire checker avant de l'acheter | faire inspecter un char avant de l'acheter
    """,
    "BMW coding": """
        code my BMW after battery swap | my iDrive screen is frozen | BMW needs programming with
        ISTA | coding a new module on a BMW X5 | retrofit and coding for BMW F30 | programmation BMW
        | codage d'un module sur ma BMW | coder le rétrofit de mon BMW X3 | BMW coding | code new
        battery to BMW 335i | Need coding done on my 2017 BMW 3 series | iDrive update failed | BMW
        programming of a replacement key module | codage de ma BMW | coder une nouvelle option sur
        ma BMW série 3 | problème d'iDrive | BMW iDrive not responding | BMW M3 coding session |
        need battery registration and coding on a BMW | BMW module programming | codage BMW série 5
        | codage pour ma BMW X1 | programmer ma BMW | code my BMW | BMW iDrive | coding for BMW |
        codage de BMW | BMW programming | iDrive glitch | BMW ISTA coding
    """,
    "Tesla diagnostics": """
        My Tesla displays a fault message | Tesla Model 3 diagnostic | my Model Y Tesla touchscreen
        is frozen | error code on a Tesla Model S | problem with my tesla | ma Tesla affiche une
        erreur | diagnostic pour Tesla | alerte sur l'écran de ma Tesla | Tesla diagnostics | My
        Tesla has an error message on screen | Tesla alert BMS_a066 | my Tesla Model Y is showing a
        warning | Tesla software issue | diagnostic Tesla | ma Tesla a un problème | message
        d'erreur sur ma Tesla | Tesla giving me error codes | my Tesla won't update, software error
        | Tesla diagnostic needed | warning messages on my Tesla | issue with my Tesla Model Y |
        j'ai un problème avec ma Tesla Model 3 | ma Tesla affiche une alerte | erreur Tesla | Tesla
        error | Tesla warning | Tesla problem | diagnostic de ma Tesla | alerte Tesla | Tesla fault
        code | problème Tesla | my Tesla shows a warning message | my Tesla keeps giving me alerts |
        Tesla Model X touchscreen black | error on my tesla | ma Tesla a une alerte | Tesla, message
        d'erreur |
        Ma Tesla n'avance plus | my Tesla won't move | ma Tesla refuse de démarrer | Tesla stopped
        driving on the highway
    """,
    "Mercedes STAR diagnostic": """
        need a Xentry scan | Mercedes-Benz diagnostic session | read the fault codes on my Mercedes
        C300 | STAR diagnosis for a Benz | my Mercedes shows an error | lecture des codes d'erreur
        Mercedes | valise STAR pour Mercedes | faire un diagnostic sur ma Mercedes | Mercedes
        diagnostic | STAR diagnostic for my C-Class Mercedes | Mercedes fault codes | Xentry | need
        a STAR scan on a Benz | diagnostic STAR Mercedes | diagnostic pour ma Mercedes classe C |
        scanner une Mercedes | Mercedes STAR diagnosis | Mercedes error code | scan for my Mercedes
        GLC | Mercedes Xentry diagnostic | diagnose my Mercedes E350 | diagnostic STAR | diagnostic
        d'une Mercedes | code d'erreur sur ma Mercedes | Mercedes scan | STAR scan | Xentry for
        Mercedes | Mercedes diagnostics | diagnostic Mercedes-Benz | Mercedes STAR session |
        Mercedes STAR diagnostic needed
    """,
    "Audi VCDS diagnostic": """
        need someone with VCDS | scan my Audi A4 for codes | VAG-COM scan | Audi fault code readout
        | ODIS diagnostics for Audi Q5 | lecture de défauts Audi | passer la valise sur mon Audi A3
        | mon Audi affiche un code d'erreur | VCDS scan | Audi diagnostics | Audi A4 fault codes |
        anyone with VAG-COM for my Audi? | Audi Q7 coding with VCDS | diagnostic VCDS Audi |
        diagnostic de mon Audi | codes d'erreur Audi A6 | Audi VCDS | Audi diagnostic scan | error
        codes on my Audi S4 | diagnose Audi Q3 | VCDS coding for Audi A5 | scan VCDS pour Audi |
        diagnostic d'Audi A4 | mon Audi a un code de défaut | Audi scan | VCDS | Audi coding |
        diagnostic Audi A3 | VCDS session for my Audi | Audi error codes
    """,
    "Porsche diagnostic": """
        Porsche 911 diagnostics | PIWIS scan needed | fault codes on my Porsche Cayenne | my Porsche
        Macan shows an error message | scan a Boxster Porsche | lecture des codes sur une Porsche |
        ma Porsche affiche une erreur | session PIWIS pour Cayenne | Porsche diagnostic | PIWIS |
        scan my Porsche 997 | Porsche Cayenne error codes | PIWIS tester for a 911 | diagnostic
        PIWIS Porsche | diagnostic d'une Porsche Macan | codes d'erreur sur ma Porsche | Diagnose my
        Porsche | Porsche PIWIS diagnostic | Porsche scan tool | Porsche 911 error code | diagnostic
        for a Porsche Panamera | diagnostic de ma Porsche | lecture de codes Porsche | scan Porsche
        PIWIS | Porsche scan | PIWIS diagnostic | Porsche fault | diagnostic Porsche 911 | Porsche
        diagnostics session | PIWIS session
    """,
}

SEVERAL = """
    Oil change and tire rotation please -> oil change, tire rotation |
    My Audi has an oil leak -> oil leak repair |
    brake pads and rotors -> brake pad replacement |
    Battery is fine, the alternator is dead -> alternator diagnostic |
    noise from the engine and transmission -> engine diagnostic, transmission diagnostic |
    BMW brakes squeal -> brake repair |
    remplacer la batterie et faire un changement d'huile -> battery diagnostic, oil change |
    vidange d'huile, rotation des pneus et essuie-glaces -> oil change, tire rotation, wiper
        replacement |
    hybrid battery and regular battery both dead -> hybrid battery diagnostic, battery diagnostic |
    ABS and airbag lights are on -> ABS warning, airbag light |
    check engine light and TPMS light on -> check engine light, tire pressure warning |
    Porsche with a leaking radiator -> cooling system repair |
    starter motor clicks, car won't start -> starter motor repair |
    les freins grincent et la direction assistée fuit -> brake repair, steering repair |
    remote starter and alarm system -> remote starter installation, alarm system installation |
    spark plugs, air filter, then a coolant flush -> spark plug replacement, air filter replacement,
        coolant flush |
    the muffler fell off my Mercedes -> exhaust repair |
    transmission fluid leak -> transmission diagnostic |
    headlights dim because of the alternator -> headlight replacement, alternator diagnostic |
    Need brake pads, an oil change and a tire rotation before a road trip -> brake pad replacement,
        oil change, tire rotation |
    Car overheats and the AC does not work -> cooling system repair, HVAC diagnostic |
    My BMW has a coolant leak and the battery is weak -> cooling system repair, battery diagnostic |
    Mes freins grincent et le voyant moteur est allumé -> brake repair, check engine light |
    plaquettes, amortisseurs et changement d'huile -> brake pad replacement, suspension repair, oil
        change |
    timing belt kit with water pump -> timing belt replacement, cooling system repair |
    timing belt, water pump and spark plugs -> timing belt replacement, cooling system repair, spark
        plug replacement |
    Transmission slipping and clutch slave cylinder leak -> transmission diagnostic, clutch repair |
    install dashcam and remote starter -> dashcam installation, remote starter installation |
    backup camera and new stereo -> backup camera installation, audio system installation |
    the check engine light is on and the car misfires -> check engine light, engine diagnostic |
    le démarreur clique et la batterie est faible -> starter motor repair, battery diagnostic |
    Audi A4 with oil leak, need a VCDS scan too -> Audi VCDS diagnostic, oil leak repair |
    power steering whine and a bad wheel bearing -> steering repair, wheel bearing repair |
    the exhaust is loud, headlights are foggy -> exhaust repair, headlight replacement |
    vidange de transmission et vidange d'huile -> transmission fluid change, oil change |
    engine oil leak -> oil leak repair |
    power steering fluid leak -> steering repair |
    hybrid battery warning -> hybrid battery diagnostic |
    oil change. oil leak. oil change. -> oil change, oil leak repair |
    my Porsche brakes squeal -> brake repair |
    Tesla with a broken headlight -> headlight replacement |
    Mercedes needs an oil change -> oil change |
    airbag light and ABS light on after a jump start -> airbag light, ABS warning, battery
        diagnostic |
    lumière ABS et lumière check engine -> ABS warning, check engine light |
    Brakes squeal, the check engine light is on and I need an oil change -> brake repair, check
        engine light, oil change |
    My A/C is weak and the battery died -> HVAC diagnostic, battery diagnostic |
    Need winter prep: battery test, coolant flush, wiper blades, remote starter -> battery
        diagnostic, coolant flush, wiper replacement, remote starter installation |
    Bonjour, ma voiture a besoin d'un changement d'huile et les freins grincent. -> oil change,
        brake repair |
    Le démarreur est mort et l'échappement est percé -> starter motor repair, exhaust repair |
    Mercedes C300 with a rough idle and a Xentry fault code -> Mercedes STAR diagnostic, engine
        diagnostic |
    Wheel bearing noise and steering wheel shakes -> wheel bearing repair, steering repair |
    replace spark plugs and air filter -> spark plug replacement, air filter replacement |
    radiateur percé, bougies à changer, phare brûlé -> cooling system repair, spark plug
        replacement, headlight replacement |
    I'm buying a used BMW and want a pre-purchase inspection and coding -> pre-purchase inspection,
        BMW coding |
    code my BMW headlights -> BMW coding, headlight replacement |
    clutch slipping, transmission noise -> clutch repair, transmission diagnostic |
    dashcam, backup camera and GPS tracker -> dashcam installation, backup camera installation, GPS
        tracker installation |
    Hi there, I have a 2016 Honda Civic with 145,000 km. Since last week I hear a grinding noise
        from the front when I press the brakes. Should I stop driving it? -> brake repair |
    My 2012 Ford Escape loses coolant but I can't see any leak under the car. It overheated once on
        the highway. -> cooling system repair |
    Hello, I own a 2019 Nissan Rogue and the CVT shudders between 40 and 60 km/h. Dealer says it is
        normal. -> transmission diagnostic |
    I recently purchased a 2015 Jeep Cherokee and the battery keeps dying if I leave it for two
        days. Alternator was tested and is good. -> battery diagnostic, alternator diagnostic |
    Bonjour, j'ai une Mazda 3 2014. Depuis hier, le voyant du moteur est allumé et l'auto manque de
        puissance. Est-ce que je peux rouler? -> check engine light, engine diagnostic |
    Quand je tourne le volant à gauche, j'entends un bruit de claquement à l'avant. -> steering
        repair |
    Il fait -25 et ma voiture démarre pas, même avec un boost. La batterie a deux ans. -> battery
        diagnostic |
    I want to install a remote starter and a backup camera in my 2011 Silverado before Christmas ->
        remote starter installation, backup camera installation |
    The garage says I need new struts and ball joints, is $1800 reasonable? -> suspension repair |
    Mechanic quoted me for a timing belt, water pump and thermostat on my 2009 Outback -> timing
        belt replacement, cooling system repair |
    My wife's Prius shows a red triangle and says check hybrid system, the hybrid battery is
        original with 300,000 km -> hybrid battery diagnostic |
    Considering a used Audi Q5, can a mechanic inspect it before I buy? -> pre-purchase inspection |
    my Model 3 stopped charging at the supercharger halfway through a trip to Ottawa -> EV charging
        diagnostic |
    Windshield wipers move slowly and the washer fluid doesn't spray -> wiper replacement |
    When I turn the key all I hear is a rapid clicking and the dash lights go dim -> starter motor
        repair |
    Mon échappement est tombé sur l'autoroute 40, je l'ai attaché avec un cintre -> exhaust repair |
    ça sent l'essence à l'intérieur quand je fais le plein -> fuel system repair |
    J'ai remarqué des taches d'huile dans mon entrée de garage sous la voiture -> oil leak repair |
    Est-ce que 180 $ c'est trop cher pour changer les plaquettes avant? -> brake pad replacement |
    La chaufferette souffle de l'air froid au ralenti mais chaud quand je roule -> HVAC diagnostic |
    le levier de vitesse est dur à bouger et la pédale d'embrayage est molle -> clutch repair |
    The steering wheel vibrates between 90 and 110 km/h, tires were balanced already -> steering
        repair |
    humming noise that gets louder with speed, goes away when I turn left, wheel bearing? -> wheel
        bearing repair |
    AC compressor seized, what does it cost to replace -> HVAC diagnostic |
    My left low beam is out and I have a night drive tomorrow -> headlight replacement |
    Someone cut my catalytic converter last night and now it sounds like a tractor -> exhaust repair
        |
    Le témoin de pression des pneus reste allumé même après avoir gonflé les quatre pneus -> tire
        pressure warning |
    Can you tell me what code P0301 means? Engine is misfiring -> check engine light, engine
        diagnostic |
    Bought an aftermarket head unit from Amazon and need help with wiring it -> audio system
        installation |
    I would like a GPS tracker and an alarm on my Lexus RX350 because of all the thefts in Toronto
        -> GPS tracker installation, alarm system installation |
    Can you pair my BMW's new headlight module, needs coding with ISTA -> BMW coding, headlight
        replacement |
    ABS light, traction light and airbag light all on after driving through a flood -> ABS warning,
        airbag light |
    Fuses keep blowing whenever I turn on the turn signals -> electrical diagnostic |
    Transmission fluid was changed last month and now it slips when cold -> transmission fluid
        change |
    My engine oil is low every 1000 km and I see blue smoke -> engine diagnostic |
    blown head gasket on a 2005 Subaru, white smoke and coolant in the oil -> engine repair, engine
        diagnostic |
    Porsche Cayenne PIWIS scan and a coolant leak -> Porsche diagnostic, cooling system repair |
    need spark plugs changed and a cabin filter too -> spark plug replacement, air filter
        replacement |
    The power steering went out and the battery light came on -> steering repair, battery diagnostic
        |
    my car shakes when I brake from high speed -> brake repair |
    ma voiture tremble quand je freine à haute vitesse -> brake repair |
    quand j'accélère la voiture donne des coups, surtout en montant -> engine diagnostic |
    rotation des pneus et vidange avant les vacances, s'il vous plaît -> tire rotation, oil change |
    J'aimerais faire poser une caméra de recul, un démarreur à distance et un système d'alarme ->
        backup camera installation, remote starter installation, alarm system installation |
    Mon VÉ ne veut pas se recharger sur la borne du travail -> EV charging diagnostic |
    problème de recharge sur ma Kona électrique -> EV charging diagnostic |
    La Tesla de mon frère affiche un message d'erreur depuis la mise à jour -> Tesla diagnostics |
    Mercedes ML350, besoin d'un diagnostic STAR pour la suspension pneumatique -> Mercedes STAR
        diagnostic, suspension repair |
    le garage dit que la crémaillère est finie -> steering repair |
    My truck pulls to the left and the brake pedal vibrates -> brake repair |
    smoke coming out of the hood and temp needle in the red -> cooling system repair |
    there's a burning smell and the clutch slips going uphill -> clutch repair |
    squeaky suspension on my 2010 Matrix -> suspension repair |
    my Jetta makes a loud clunk when shifting from park to reverse -> transmission diagnostic |
    Heat stopped working in my truck, it's freezing -> HVAC diagnostic |
    mes phares avant n'éclairent presque plus la nuit -> headlight replacement |
    je pense que mon roulement avant gauche est fini, ça gronde -> wheel bearing repair |
    le silencieux arrière est percé par la rouille -> exhaust repair |
    J'ai du jeu dans la direction et les amortisseurs sont usés -> steering repair, suspension
        repair |
    Lumière ABS et frein à main allumés en même temps -> ABS warning, brake repair |
    car won't start, tried a new battery and the starter was replaced -> battery diagnostic, starter
        motor repair |
    mon char part pas -> battery diagnostic |
    The engine cranks but it won't start, I hear the fuel pump -> engine diagnostic, fuel system
        repair |
    Any idea how much an engine replacement would be on a 2013 Elantra? It's knocking loud -> engine
        repair |
    2017 Passat, timing chain rattle on cold start -> timing belt replacement |
    how do I replace the air filter on a 2018 Corolla myself? -> air filter replacement |
    Do I need to flush the coolant at 100,000 km or just top it up? -> coolant flush |
    the brakes are fine but the horn doesn't work -> electrical diagnostic |
    brakes are OK, steering wheel shakes -> steering repair |
    les freins sont corrects mais le klaxon ne marche pas -> electrical diagnostic |
    les freins fonctionnent bien, le volant vibre -> steering repair |
    no coolant leak but the engine overheats -> cooling system repair |
    Check engine came on and the car's in limp mode -> check engine light, engine diagnostic |
    coolant flush and transmission flush please -> coolant flush, transmission fluid change
"""

# Words that ask for a service when little else is said, and for none in a longer text.
ALONE = """
    brake -> brake repair | Brake! -> brake repair | frein -> brake repair |
    front brake -> brake repair | 2014 Civic brake, please help -> brake repair |
    frein avant gauche -> brake repair | braking -> brake repair |
    starter -> starter motor repair | Starter?? -> starter motor repair |
    my starter -> starter motor repair | starter, 2012 Mazda -> starter motor repair |
    how much for a starter -> starter motor repair |
    battery -> battery diagnostic | batterie -> battery diagnostic |
    Battery!!! -> battery diagnostic | besoin d'une batterie -> battery diagnostic |
    combien pour une batterie -> battery diagnostic |
    transmission -> transmission diagnostic | boîte de vitesses -> transmission diagnostic |
    moteur -> engine diagnostic | Ford engine -> engine diagnostic | heat -> HVAC diagnostic |
    chauffage -> HVAC diagnostic | steering -> steering repair | exhaust -> exhaust repair |
    bougies -> spark plug replacement | phare -> headlight replacement |
    thermostat -> cooling system repair | roulement -> wheel bearing repair |
    shocks -> suspension repair | horn -> electrical diagnostic |
    I left my lights on -> battery diagnostic
"""

# Ways of meaning something else, or a service that is not in the catalogue.
NOTHING = """
    please call me back | I had to cancel my appointment | we need to brake the news gently | I need
    a break | I am exhausted after work | they ran a battery of tests at the hospital | the steering
    committee meets on Monday | the bus was packed | we bought a starter home | radio silence from
    the garage | my alarm clock did not ring | an oil painting of my grandmother | just a light
    lunch, thanks | an inspection of the house before buying it | je tire une remorque | dans la
    direction de Québec | le phare de Pointe-au-Père est superbe | une bougie parfumée à la vanille
    | j'ai acheté des filtres à café | de l'huile d'olive et du vinaigre | le démarrage de
    l'entreprise | hello, how are you? | Bonjour, j'ai une question | what time do you open | quels
    sont vos tarifs | I'd like to rotate my schedule | false alarm, all good | the fire alarm went
    off at the office | my phone battery is dead | phone won't charge | my laptop charger is broken
    | the gym gave me great abs | the conference speakers were great | he is a great motor of change
    in our club | search engine results are weird | the court of appeal suspended his licence | my
    licence suspension ends in May | she carried a clutch purse | he came through in the clutch |
    bearing in mind the price | caught like a deer in the headlights | exhaust all other options
    first | the house thermostat is set too high | air conditioner in my apartment leaks | filtre à
    air de la fournaise | sortir les vidanges jeudi matin | le moteur de recherche plante | un
    silence de plomb | c'est un frein à la croissance | mettre un frein aux dépenses | le volant de
    badminton | produit phare de la saison | Nikola Tesla was an inventor | Tesla stock is up | I
    saw a Porsche on the street | I drive an Audi | j'ai une Mercedes blanche | my BMW is blue | we
    watched Cars on television | the star of the show | transmission of disease | the transmission
    of knowledge to students | radio station 98.5 | listen to the radio in the car | a stereo type
    about mechanics | we made a pit stop | changer de direction professionnelle | la direction de
    l'école a appelé | pression au travail | high blood pressure | air quality is poor today | the
    oil price went up | oil tanker leaks in the gulf | cooking oil change | water the plants | l'eau
    est froide | birthday candles | les bougies du gâteau d'anniversaire | courroie de sac à dos | a
    camera for my wedding | caméra de surveillance à la maison | GPS says turn left | I used the GPS
    to get there | the dash across the parking lot | pad thai for dinner | a note pad and pens | the
    belt of my trousers | plug in the lamp | la lumière du salon est brûlée | the light at the
    corner turned red | the lightbulb in the kitchen is out | je suis en panne d'inspiration | une
    plaquette de beurre | plaquettes sanguines basses | je fume trop | he smokes a lot | my wife is
    shaking with cold | my knee makes noise | mon mari fait du bruit en dormant | le roulement de
    tambour | roulement du personnel | charge my credit card | combien ça charge | free of charge |
    who is in charge here | électricité de la maison | an electrical engineer | thanks for the quick
    fix | it is 30 degrees and the sun is hot | gas prices are crazy | gas leak in my kitchen | je
    cherche un inspecteur pour la maison que j'achète | Je m'appelle Ève ✨ | 🚗🚗🚗 | 1234567890 |
    need help asap | flat tire on the 401 | pneu crevé sur l'autoroute | windshield is cracked |
    need a wheel alignment | winter tires installed | changement de pneus d'hiver | my car needs a
    wash | paint is peeling on the hood | serpentine belt squeals | the accordion player | les plus
    petites choses | accident report | the trunk does not open | Can someone call me back tomorrow?
    | I cancelled the order yesterday | an excellent service | we are back in the parking lot | it
    broke my heart | coffee break at ten | breaking news tonight | brake the news to her gently | I
    brake for squirrels | I was exhausted and went home | exhaustive list of parts | the ranking of
    mechanics | my daughter plays the clarinet | battery of questions | a battery of exams | AA
    batteries for my flashlight | steer clear of that shop | he's on the steering group | my hair
    dryer sparks | sparkling water | the light of my life | starter pack | a starter salad | we need
    a starter for our sourdough | starters and main course | engine of growth | the train engine
    whistled | fire engine red paint | motorcycle gloves | the company transmits data | transmission
    of the documents by email | airbrush painting | air force base | the pad is locked | launch pad
    | tired after driving | I'm tired of waiting | retired teacher | tires me out | radio host said
    so | turn off the radio please | the audio of the video call is bad | my sound card | GPS
    coordinates of the place | the map app | I set an alarm for 6 am | alarming news | the alarm at
    my house rings | no alarm needed | camera on during the video call? | my webcam does not work |
    the conference call | inspection of my home | building inspection report | police inspector |
    belt and suspenders | conveyor belt | seat belt is stuck | oil on canvas | olive oil stain on my
    shirt | massage oil | fuel for thought | gas station nearby? | cool weather | cooler bag | the
    fridge is not cold | heat wave this week | hot coffee | the air is dry | on air now | wipe the
    table | light rain today | lighthouse tour | traffic light camera ticket | ticket for running a
    red light | the head of the company | front desk | code of conduct | promo code does not work |
    area code 514 | an error on my invoice | error when I pay with my card | problem with my account
    | issue logging in | the app shows an error | the session did not start | session cancelled by
    mistake | How much is a diagnostic session? | I want to talk to a mechanic | test | hello hello
    hello | My car is dirty | bought a new car yesterday | thinking of buying a new car | sell my
    car | insurance claim after a hail storm | dent on the door | scratch on the bumper | parking
    ticket | lost my keys | locked keys in the car | flat tire | need a tow | ran out of gas |
    windshield chip | my trunk won't open | license plate light | tail light is out | brake light
    bulb | seat is torn | J'ai perdu mes clés | pneu crevé | crevaison | je veux vendre mon auto |
    pare-brise fissuré | je suis fatigué | il tire sur la corde | la direction du magasin |
    changement de direction | direction Montréal | en direction de l'autoroute 20 | phare de l'île
    verte | les phares de Gaspésie | souffler les bougies | soirée aux bougies | filtre à eau |
    filtre Instagram | sans filtre | bruit de la rue | il fait du bruit | une fuite d'eau dans la
    cuisine | fuite de données | huile de coude | huile à cuisson | vidanges ramassées mardi |
    moteur de changement | l'alarme incendie | le réveil n'a pas sonné | prise électrique à la
    maison | la facture d'électricité | guitare électrique | vélo électrique | ma trottinette ne
    charge plus | mon cellulaire ne charge plus | batterie de cuisine | il joue de la batterie |
    batterie de tests | roulement des stocks | la radio joue trop fort | à la radio ce matin |
    caméra de chasse | un frein à nos projets | à bout de souffle | chauffage de la maison |
    chauffeur d'autobus | il chauffe ma soupe | radiateur de la chambre | l'embrasure de la porte |
    volant de signalisation | vol à main armée | coussin de canapé | pression artérielle | mettre la
    pression | pompe à vélo | pompe de piscine | pompe à chaleur | l'essence de la question |
    essence de vanille | le plein d'essence est cher | prix de l'essence | rotation des équipes |
    rotation du personnel | boîte aux lettres | boîte à outils | la transmission des connaissances |
    transmission d'une maladie | suspension de permis | suspension des travaux | une étoile de la
    chanson | code postal | code promo | inspection des travaux | inspection sanitaire | la courroie
    de mon sac | le silence est d'or | vitesse maximale | excès de vitesse | contravention | ok
    merci | Guten Tag, ich brauche Hilfe | ¿Cuánto cuesta? | I will be back at five | the track was
    muddy | this place is packed | cancel my subscription please | an expert gave me excellent
    advice | I celebrated my birthday | the chancellor spoke | a cell phone plan | Give me a brake,
    I mean a break! | we broke up | breaks at work are short | brakeman on the railway | the drummer
    needs a break | exhausting day | exhaust fan in my bathroom | kitchen exhaust hood | assault and
    battery charges | this book has a battery of quizzes | batterie du groupe de musique | steering
    the discussion | we need better steering of the project | a packed lunch | starter on the hockey
    team | the starting goalie | radio personality | the alarm on my phone | raise the alarm about
    climate change | paint with oil colours | crude oil prices | light snack | light blue dress |
    turn on the lights in the hall | light bulb moment | inspect the property before signing | house
    inspection | home inspection before purchase | customs inspection | elle tire la langue | tirer
    la porte | un tire-bouchon | pneumonie | prendre la direction nord | le directeur est absent |
    un phare en mer | bougie à la citronnelle | filtre à charbon | filtrer les appels | courrier
    recommandé | huile de canola | démarrage de la réunion | démarrer un projet | démarreur de
    conversation | char allégorique | char d'assaut | auto-évaluation | autorité parentale |
    voiturette de golf | le silence | rester silencieux | air pur | air de musique | roue de fortune
    | réinventer la roue | freiner l'inflation | la fin de la suspension du joueur | joueur suspendu
    | une pompe à insuline | pompiers | la fuite des cerveaux | le fugitif a pris la fuite | essence
    d'arbre | vitesse du vent | changer d'avis | changer de char | changer d'auto | système de santé
    | système solaire | carte son | caméra vidéo | caméra Nikon | alarme de maison | GPS de
    randonnée | le moteur économique de la région | a motor boat trip | motor sports on TV |
    engineering degree | software engineer | engine room of the team | transmission tower |
    electricity transmission lines | community transmission rates | clutch performance in overtime |
    a clutch of eggs | suspension bridge | suspended from school | bearing the costs | polar
    bearings | muffled voices | a warm muffler and scarf | radiator in my living room | cold water |
    a cooler full of beer | injection moulding | flu injection | fuel your passion | gas oven | the
    gas bill came | oil the hinges | belt size 34 | fashion belt | air quality filter index | water
    filter | coffee filter | plug and play | power plug | spark a conversation | Spark the
    imagination | fluid dynamics | body wash | wiped out | screen wipes | purchase order | buying
    groceries | inspection of goods before purchase | BMW stadium | a BMW dealership nearby? | my
    neighbour's Tesla is nice | Tesla coil demo | should I buy a Tesla? | Audi dealership hours |
    Porsche museum visit | Mercedes is my aunt's name | rockstar | five star hotel | star rating |
    coding bootcamp | code red | error 404 | video session freeze | hybrid work schedule | hybrid
    seeds | charge of the light brigade | charging fees | extra charges on my bill | airline bag
    fees | bag of chips | pressure from my boss | tired eyes | rotation at the hospital | crop
    rotation | camera shy | the dash symbol | a mad dash | remote work | remote control for the tv |
    remote village | track my order | tracker mortgage | audio book | stereo sound at the cinema |
    amplify the message | head of unit | thermostat at home | hose in the garden | heater at the
    office | heat of the moment | head over heels | tie the knot | rod and reel fishing | shock and
    awe | electric shock at work | spring is here | spring break | joint account | arm pain | pot
    luck | pot de fleurs | silence radio | I drove my Audi to the airport and parked it | My Honda
    is a great car | How do I book a session? | How long does it take for someone to answer? | my
    car is a 2015 Toyota Corolla with 120,000 km | I just bought a Porsche 911, so happy | Je
    conduis une BMW depuis dix ans | what tires should I buy for winter? | the tires are bald |
    pneus d'hiver ou quatre saisons? | I need a safety inspection certificate | How do I remove a
    sticker from the glass? | The door handle is broken | my trunk leaks water when it rains |
    sunroof is stuck open | there is a strange smell in my car | the seat heater is great | my key
    fob is lost | l'assurance couvre-t-elle les dommages? | ma portière ne ferme plus | la clé est
    restée à l'intérieur | le toit ouvrant coule | mon siège chauffant | la peinture est rouillée
    sur l'aile | rust on the fender | bumper fell off | need a car wash and detailing | where do I
    find my VIN? | what does my warranty cover? | can I tow a trailer with a Corolla? | which car
    should I buy, a Civic or a Corolla? | is it legal to tint my windows? | My son is learning to
    drive | I got rear-ended yesterday | hit a deer on the highway | parking sensor beeps | cruise
    control stopped working | gas cap is missing | hubcap fell off | the glove box won't close |
    Est-ce que je peux payer en argent comptant? | où êtes-vous situés? | quelle est la meilleure
    marque d'auto? | je voudrais un rendez-vous demain | je cherche un mécanicien honnête à Laval |
    mon chien a vomi dans l'auto | I want my money back | can I cancel? | the race was fun | faced
    with a choice | pack my bags | parcel delivery | We hit the brakes on the plan | batteries not
    included | battery farm chicken | she's the alternate driver | alternative options | un
    alternatif | clutching her bag | overheard a rumour | cooling-off period | fuelled by coffee |
    oily skin | the oil in my salad | leak in my roof | water leak at home | fuite au plafond |
    starting a business | the head of the class | headline news | lightly used sofa | timing is
    everything | belt out a song | airline tickets | filter the results | sparkling wine | pluggable
    | flush toilet | purchase a ticket | coded message | BMW is hiring | porch light at home |
    audition tomorrow | audit of the company | mercy | tesselation | emission de radio | radiologie
    à l'hôpital | les freins à l'innovation | moteur de la croissance | la bougie du gâteau |
    courroie de transmission du pouvoir | phare de Cordouan | en direction de Sherbrooke | huile
    essentielle | huile d'olive extra vierge | filtre à café | tire-toi une bûche | il tire un trait
    | alarmant | GPS dans mon téléphone | Guten Morgen | Quiero una cita | Precisa de ajuda |
    こんにちは | Привет | no problem | aucun problème | the light was green | light traffic this
    morning | warning: wet paint | the camera in my phone | video call please | oil painting class |
    a battery of medical tests | an inspection of the house | alarm clock is broken | lunch was
    light | starter home for sale | I'm exhausted | steering committee agenda | radio silence since
    Monday | the bus was packed and I got back late | brake the news | I need a break from work | I
    was back at the track to cancel my race | place the package at the back | expect an impressive
    success | I left my jacket at your shop | Do you accept credit cards? | what's the weather like?
    | great service last time, thanks! | my appointment was cancelled twice | the lawyer will brake
    the silence | lunch break is at noon | I'm breaking up with my mechanic | she exhausted her
    savings | the steering committee voted | a battery of lawyers | the guitar amp is broken at home
    | our starter was shrimp | radio contest winner | smoke alarm chirping | alarm at 6:30 | oil
    paintings for sale | light beer | a light jacket | house inspection booked | inspect the roof of
    the house | je tire les rideaux | changer de direction dans ma carrière | phare maritime |
    allumer une bougie | filtre à eau Brita | huile d'olive bio | bougies d'anniversaire | la
    batterie de mon téléphone | la batterie de mon ordinateur portable est morte | my laptop battery
    is dead | phone battery drains fast | the transmission of the virus | transmission de pouvoirs |
    suspension of the season | my suspended account | driver's licence suspension | the exhaust fan
    in the kitchen is noisy | radiator in the bedroom is cold | thermostat in the house is broken |
    clutch handbag | she clutched the rail | cooling tower | fuel prices | gas station coffee |
    starter pack for gamers | start-up company | remote job | remote control car for kids | dash of
    salt | dashing | camera lens | photo camera | audio guide | speaker of the house | speakers at
    the event | tracker dog | GPS navigation app | tire of waiting | I tire easily | pressure cooker
    | blood pressure warning | air travel | air Canada flight | filter coffee | belt for my pants |
    timing was perfect | spark of genius | plug in the toaster | cool ant | flush with cash | fluid
    situation | wipe clean | purchase history | BMW driver cut me off | a Tesla passed me | Audi ad
    on TV | Mercedes dress | Porsche design sunglasses | star of the movie | coding in Python |
    diagnostic médical | diagnosis at the hospital | voyant rouge sur ma cafetière | témoin de
    mariage | témoin d'un accident | lumière du jour | le démarreur de mon barbecue | moteur de ma
    piscine | pneu de vélo crevé | pression du café | freinage de l'économie | mon frère freine ses
    dépenses | embrayer sur un autre sujet | la direction générale | roulement à l'emploi |
    silencieux comme une tombe | être silencieux | radiateur électrique de la chambre | pompe à eau
    de la maison | essence de lavande | injection de Botox | fuite de gaz à la maison | l'huile pour
    la friture | vidange des poubelles | plaquettes sanguines | courroie du tapis roulant | filtre à
    air de la maison | bougie parfumée | antigel pour plomberie du chalet | essuie-tout |
    essuie-mains | inspection de la maison avant achat | inspection municipale |
    no oil leak, just want advice on insurance | there is no oil leak, I just have a question | no
    brake noise, I only want a quote | aucune fuite d'huile, juste une question | pas de fuite
    d'huile sous l'auto | there is nothing wrong with the transmission | my brakes work fine |
    besoin d'un boost d'énergie | plus de jus d'orange | I need a boost in confidence | j'ai laissé
    la lumière allumée à la maison | I can't stand the heat | working in this heat | the summer heat
    broke records | read the reviews before I buy | my Tesla is not for sale | faire tourner la tête
    | engin de chantier | a brake on innovation | starter plan for beginners | frein aux dépenses
    inutiles | guitar battery | pas de bruit de freins |
    I had to brake hard to avoid a deer | my key fob battery is dead | mon cellulaire n'a plus de
    batterie | where is the nearest EV charging station | Je cherche la pompe à essence la plus
    proche | Can you tell me the tire pressure for a Civic? | my backup plan is a bus; camera is in
    the trunk | star rating of your Mercedes dealership | car alarm keeps going off at night | car
    alarm goes off by itself at night | my alarm keeps going off in the driveway, car is a Civic |
    my car alarm won't stop | l'alarme de mon auto part toute seule | sound system at the party |
    Block heater not working | Need my winter tires put on | the dome light won't shut off | la
    strap de fan sille | my phone's out of battery | Where's the closest gas station? | où est la
    borne la plus proche? | the car in front braked suddenly | he didn't use his turn signal |
    what's the right tire pressure for winter? | quelle pression pour mes pneus d'hiver? | 5 star
    reviews for this app | my apartment window is stuck | j'ai freiné sec pour éviter un chevreuil |
    j'ai dû braker pour un orignal | la pile de ma clé est morte | I ran a red light | my car is in
    the shop until Friday | Do you guys work on Saturdays? | je suis pris dans le banc de neige |
    I'm stuck in a snowbank | the battery in my remote died | how much is an hour of labour? | mon
    permis est suspendu | fuel economy of a Civic hybrid | no lights on the dash, all good | brake
    light bulb is burnt out | sunroof won't close | door clicks but won't open | seat belt clicks
    but won't lock | the check engine light is not on | ABS light isn't on anymore | le témoin
    moteur n'est plus allumé | What tire pressure should I run on my RAV4? | Find a charging station
    near me | la station de recharge la plus proche | my car alarm goes off randomly | l'alarme de
    mon char part la nuit | five star Mercedes garage | hood won't stay up | my trunk stays open |
    rads | pick up from work | pus | mon pneu est à terre | ma hatch ferme plus | the water in my
    house tastes weird | my house windows won't open | windshield washer fluid won't spray |
    lave-glace gèle | mon Uber a cassé sa fenêtre | somebody broke my car window | rear window
    smashed | window tint is peeling | cruise control won't set | want a trailer hitch installed |
    rust proofing | antirouille | booster seat for my kid | siège d'appoint booster | I need a
    booster shot | transmission's fine | belt squeals at start up | he cut me off and I had to brake
    hard | brake hard to avoid an accident | I slammed on the brakes to miss a moose | my phone is
    at 2% battery | la batterie de ma manette est morte | my remote's battery is dead | Is there a
    charging station near the mall? | où je peux trouver une borne de recharge? | le prix de
    l'essence à la pompe | what should my tire pressure be? | how many psi in my tires? | à quelle
    pression je gonfle mes pneus? | my backup driver is my wife, she has a camera | 4.8 stars, is
    that your rating? I own a Mercedes | my neighbour's car alarm woke me up | I closed the window
    and drove off | roll down the window and talk to him | the window of opportunity is closing | my
    office window won't open | Je regarde par la fenêtre, il neige | I clicked the link but it won't
    start the session | the video won't start, I click play | I click start and nothing happens in
    the app | ça clique pas entre nous | je clique sur le bouton mais la session part pas | the app
    won't start | signal is weak up here, going fast through mountains | my trans friend drives a
    bus | gas station near me | fuel up at the next station | rad concert last night | il crie après
    le mécanicien | vente de garage samedi | vente de char usagé, il fait froid |
    mon fils veut pas partir en vacances
"""


def concerns(text: str) -> list[str]:
    return [" ".join(concern.split()) for concern in text.split("|")]


# The vectors ----------------------------------------------------------------------------------


def test_the_copies_of_the_vectors_are_those_shared_by_all_repositories() -> None:
    """Nothing to compare with in a clone that stands alone."""
    if SHARED.is_dir():
        for copy in VECTORS.iterdir():
            assert copy.read_bytes() == (SHARED / copy.name).read_bytes(), copy.name


@pytest.mark.parametrize(
    ("name", "concern"),
    [
        (name, concern)
        for group in GIVEN["keywords"].values()
        for name, row in group.items()
        for concern in row["found_in"]
    ],
)
def test_a_keyword_is_found_in_its_concerns_and_no_other_is(name: str, concern: str) -> None:
    assert find_keywords(concern) == [name]


@pytest.mark.parametrize("case", GIVEN["cases"], ids=lambda case: case["concern"])
def test_a_case_gives_exactly_its_keywords_in_order(case: dict[str, object]) -> None:
    assert find_keywords(str(case["concern"])) == case["keywords"]


# Drivers' own words ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", SPOKEN)
def test_a_keyword_is_heard_in_all_the_ways_drivers_say_it(name: str) -> None:
    heard = {concern: find_keywords(concern) for concern in concerns(SPOKEN[name])}
    assert heard == {concern: [name] for concern in heard}


def test_every_keyword_is_spoken_of() -> None:
    assert SPOKEN.keys() == set(NAMES)
    assert min(len(concerns(text)) for text in SPOKEN.values()) >= 8


@pytest.mark.parametrize("line", concerns(SEVERAL))
def test_several_services_in_one_concern_come_in_order_of_appearance(line: str) -> None:
    concern, names = line.split(" -> ")
    assert find_keywords(concern) == names.split(", ")


@pytest.mark.parametrize("line", concerns(ALONE))
def test_one_word_is_enough_when_nothing_else_is_said(line: str) -> None:
    concern, name = line.split(" -> ")
    assert find_keywords(concern) == [name]
    assert find_keywords(f"{concern} lorem ipsum") == []


def test_nothing_is_heard_where_the_words_mean_something_else() -> None:
    heard = {concern: find_keywords(concern) for concern in concerns(NOTHING)}
    assert heard == {concern: [] for concern in heard}


# How a text is read ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "concern",
    [
        "A/C blows warm air",
        "a.c. blows warm air",
        "AC BLOWS WARM AIR",
        "the ac… blows (warm) air",
        "❄️A/C🔥 blows — warm — air!!",
    ],
)
def test_case_punctuation_and_emoji_do_not_matter(concern: str) -> None:
    assert find_keywords(concern) == ["HVAC diagnostic"]


@pytest.mark.parametrize("concern", ["l'embrayage", "L’EMBRAYAGE", "lʼembrayage", "l embrayage"])
def test_every_apostrophe_is_one(concern: str) -> None:
    assert find_keywords(concern) == ["clutch repair"]


@pytest.mark.parametrize("concern", ["phare brûlé", "phare brule", "phare bru\u0302le\u0301"])
def test_accents_do_not_matter_composed_or_not(concern: str) -> None:
    assert find_keywords(concern) == ["headlight replacement"]


@pytest.mark.parametrize("concern", ["back", "cancel", "pacific", "celery", "absent", "evening"])
def test_only_whole_words_count(concern: str) -> None:
    assert find_keywords(concern) == []


def test_the_longest_match_uses_up_its_words() -> None:
    assert find_keywords("brake pads") == ["brake pad replacement"]
    assert find_keywords("brake pads and brakes") == ["brake pad replacement", "brake repair"]
    assert find_keywords("hybrid battery dead") == ["hybrid battery diagnostic"]


def test_one_noise_may_come_from_two_parts() -> None:
    assert find_keywords("engine and transmission noise") == [
        "engine diagnostic",
        "transmission diagnostic",
    ]


def test_a_keyword_is_named_once_where_it_first_appears() -> None:
    concern = "oil change, brakes, oil change, brakes"
    assert find_keywords(concern) == ["oil change", "brake repair"]


def test_a_fine_part_does_not_borrow_the_trouble_of_the_next() -> None:
    assert find_keywords("battery is fine but the alternator is dead") == ["alternator diagnostic"]


def test_a_concern_of_10_000_characters_is_read_to_its_end() -> None:
    padding = "lorem ipsum " * 830
    assert find_keywords(f"{padding} oil leak") == ["oil leak repair"]


# Properties -----------------------------------------------------------------------------------

VOCABULARY = sorted({word for text in SPOKEN.values() for word in text.replace("|", " ").split()})
SOME_CONCERN = st.sampled_from([c for text in SPOKEN.values() for c in concerns(text)])
SOME_WORDS = st.lists(st.sampled_from(VOCABULARY), max_size=40).map(" ".join)
UNRELATED = st.lists(st.sampled_from(["lorem", "ipsum", "tomorrow", "samedi", "42"]), min_size=5)


@given(st.text() | SOME_WORDS)
def test_any_text_gives_known_names_each_once(text: str) -> None:
    found = find_keywords(text)
    assert set(found) <= set(NAMES)
    assert len(found) == len(set(found))


@given(SOME_WORDS)
def test_case_and_punctuation_never_change_what_is_found(text: str) -> None:
    assert find_keywords(text.upper()) == find_keywords(text)
    assert find_keywords(text.replace(" ", " *** ")) == find_keywords(text)


@given(UNRELATED, SOME_CONCERN, UNRELATED)
def test_unrelated_words_around_a_concern_change_nothing(
    before: list[str], concern: str, after: list[str]
) -> None:
    surrounded = " ".join([*before, concern, *after])
    assert find_keywords(surrounded) == find_keywords(concern)


# The table ------------------------------------------------------------------------------------


def test_the_table_has_the_46_names_in_the_five_groups_of_the_vectors() -> None:
    groups: dict[str, list[str]] = {}
    for keyword in KEYWORDS:
        groups.setdefault(keyword.group, []).append(keyword.name)
    assert groups == {group: list(rows) for group, rows in GIVEN["keywords"].items()}
    assert len(NAMES) == 46


def test_no_pattern_stands_in_two_rows_or_twice_in_one() -> None:
    patterns = [pattern for keyword in KEYWORDS for pattern in keyword.patterns]
    patterns += OTHER_MEANINGS
    assert sorted(patterns) == sorted(set(patterns))


def test_patterns_are_written_as_texts_are_read() -> None:
    """A pattern with a filler, an accent or a capital could never match."""
    never = {
        pattern
        for keyword in KEYWORDS
        for pattern in keyword.patterns
        for word in re.findall(r"[^ |/?&~<>!]+", re.sub(r"/\w+", "", pattern))
        if word in FILLERS or not re.fullmatch("[a-z0-9]+", word)
    }
    assert never == set()


# Names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["HVAC diagnostic", "hvac DIAGNOSTIC", " hvac diagnóstic "])
def test_a_keyword_is_known_by_its_name_without_case_and_accents(name: str) -> None:
    assert canonical(name) == "HVAC diagnostic"


@pytest.mark.parametrize("name", ["", "hvac", "HVAC-diagnostic", "rocket repair"])
def test_another_name_is_not_a_keyword(name: str) -> None:
    assert canonical(name) is None
